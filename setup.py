"""What pyproject.toml cannot say: a wheel holds the models of weights/.

The repository has them once. An editable installation finds them in the clone.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MODELS = ("rbc", "rbc-open")


class BuildWithModels(build_py):
    """Copies the folder of each model into the package, where `mrcnn.weights.places` finds it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._copies():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copied = [] if self.editable_mode else [str(target) for _, target in self._copies()]
        return [*super().get_outputs(include_bytecode), *copied]

    def _copies(self) -> list[tuple[Path, Path]]:
        root, into = Path(__file__).parent / "weights", Path(self.build_lib, "mrcnn/weights/models")
        for name in MODELS:
            if not (root / name / f"{name}.h5").is_file():
                raise FileNotFoundError(f"{root / name}: the model that a wheel holds is not there")
        files = [path for name in MODELS for path in sorted((root / name).glob("[!.]*"))]
        return [(path, into / path.relative_to(root)) for path in files]


setup(
    cmdclass={"build_py": BuildWithModels},
    # What the build keeps for itself stays out of the folder of the sample.
    options={"egg_info": {"egg_base": "."}},
)
