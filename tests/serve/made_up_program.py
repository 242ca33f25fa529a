"""Stands for the program in trainings of the page: `train` and `evaluate` in a moment.

It waits as long as a file `wait` lies beside the data, so that a test can stop it.
"""

import json
import sys
import time
from pathlib import Path


def value(name: str, arguments: list[str]) -> str:
    return arguments[arguments.index(name) + 1]


def train(arguments: list[str]) -> None:
    logs = Path(value("--logs", arguments))
    goes_on = value("--weights", arguments) == "last"
    run = logs / "spots20260101T0000"
    run.mkdir(parents=True, exist_ok=goes_on)
    losses = run / "losses.csv"
    if goes_on:
        begun, epochs = len(losses.read_text().splitlines()) - 1, 3
    else:
        data = Path(value("--dataset", arguments))
        assert (data / "train" / "via_region_data.json").is_file()
        assert (data / "val" / "via_region_data.json").is_file()
        begun, epochs = 0, int(value("--epochs", arguments))
        losses.write_text("epoch,loss,val_loss\n")
    for epoch in range(begun, epochs):
        with open(losses, "a") as file:
            file.write(f"{epoch},{2 / (epoch + 1)},{3 / (epoch + 1)}\n")
        (run / f"mask_rcnn_spots_{epoch + 1:04d}.h5").write_bytes(b"weights")
        print(f"Epoch {epoch + 1}", flush=True)
        while (logs.parents[1] / "wait").exists():
            time.sleep(0.02)
    (run / "best.h5").write_bytes(b"weights")


def evaluate(arguments: list[str]) -> None:
    out = Path(value("--out", arguments))
    out.mkdir(parents=True, exist_ok=True)
    f1 = 0.9 if Path(value("--weights", arguments)).name == "best.h5" else 0.8
    pooled = {"precision": f1, "recall": f1, "f1": f1, "pq": f1 / 2}
    point = {"accuracy_mean": f1, "quality": {"ignore": {"0.50": {"pooled": pooled}}}}
    (out / "summary.json").write_text(json.dumps({"operating_points": [point]}))


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if (
        (Path(value("--logs", rest)) if command == "train" else Path(value("--out", rest)))
        .parents[1]
        .joinpath("fail")
        .exists()
    ):
        sys.exit("It went wrong.")
    {"train": train, "evaluate": evaluate}[command](rest)
