"""Workers that the tests of a file share."""

import pytest

from tests.app.engine_workers import FOLDER


# Of one file: its threads must not be there in tests that count what is left behind.
@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a scheduler with two processes of one thread, and the folder that they see."""
    distributed = pytest.importorskip("distributed", reason="the extra `scale` is not installed")
    folder = tmp_path_factory.mktemp("workers")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(FOLDER, str(folder))
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster:
            yield cluster.scheduler_address, folder
