"""The process that measures training steps, beside others that do the same: `python -m tiernas.plan.step_process`."""

from __future__ import annotations

from dataclasses import asdict

from tiernas.executors.channel import READY, Channel
from tiernas.executors.fault import reason_of


def main() -> None:
    """Answers requests until the other side closes the channel."""
    channel, _ = Channel.of_this_process()  # first: what follows takes seconds, or fails

    import torch

    from tiernas.plan.steps import time_steps
    from tiernas.spaces import architecture_from_json
    from tiernas.training import RecipeConfig
    from tiernas.training.memory import peak_memory_mb

    torch.set_num_threads(1)
    channel.send(READY)
    idle_mb = peak_memory_mb(torch.device("cpu"))  # last: what is imported later would count as memory of training
    channel.send("loaded")
    for _, values in channel.receive():
        try:
            device = values["device"]
            times = time_steps(
                architecture_from_json(values["architecture"]),
                values["num_classes"],
                RecipeConfig.model_validate(values["recipe"]),
                values["image_size"],
                values["images"],
                device=device,
                idle_mb=idle_mb if device == "cpu" else 0.0,
            )
            channel.send("times", **asdict(times))
        except Exception as error:  # whatever it is, the other side says it
            channel.send("failed", reason=reason_of(error))


if __name__ == "__main__":
    main()
