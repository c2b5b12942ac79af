"""Examples at the end of every help text, by command; "" is the program itself."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "tiernas example digits --output digits.toml",
        "tiernas search digits.toml",
        "tiernas table query --max-latency-ms 1",
    ),
    "adapt": (
        "tiernas adapt photos --max-latency-ms 2",
        "tiernas adapt photos --max-latency-ms 2 --precision int8 --set search.trainings=60",
    ),
    "control drop": ("tiernas control drop mine.toml 18 --tier 0.2-0.4",),
    "control pause": ("tiernas control pause mine.toml",),
    "control requeue": (
        "tiernas control requeue mine.toml 17 --tier 0.2-0.4",
        "tiernas control requeue mine.toml --failed",
    ),
    "control resume": ("tiernas control resume mine.toml",),
    "control trainings": ("tiernas control trainings mine.toml 600",),
    "detect draw": ("tiernas detect draw cells.toml cells.jpg --output found.png --min-score 0.4",),
    "detect evaluate": ("tiernas detect evaluate cells.toml",),
    "detect export": ("tiernas detect export cells.toml --output deploy",),
    "detect measure": ("tiernas detect measure cells.toml --seconds 20",),
    "detect train": ("tiernas detect train cells.toml", "tiernas detect train cells.toml --set recipe.epochs=40"),
    "device forget": ("tiernas device forget ssh://pi@raspberrypi",),
    "device runner": ("tiernas device runner --output runner.pyz",),
    "doctor": ("tiernas doctor", "tiernas doctor --noise --engine onnxruntime --precision int8"),
    "example": (
        "tiernas example",
        "tiernas example digits --output digits.toml",
        "tiernas example photos",
    ),
    "export optuna": ("tiernas export optuna mine.toml mine.log",),
    "finalists import": ("tiernas finalists import mine.toml results.jsonl",),
    "finalists plan": ("tiernas finalists plan mine.toml --output kit.pyz",),
    "init": (
        "tiernas init photos --output mine.toml",
        "tiernas init photos --output mine.toml --max-latency-ms 2 --hours 4",
        "tiernas init digits --space gpunet-small --engine onnxruntime --set recipe.epochs=6",
    ),
    "latency build": (
        "tiernas latency build --space gpunet-small --engine openvino",
        "tiernas latency build --space gpunet --precision int8 --minutes 16",
    ),
    "latency check": (
        "tiernas latency check --networks 30 --seed 1 --plot check.png",
        "tiernas latency check --tier 0.5-0.6",
    ),
    "latency factors": ("tiernas latency factors --base gpunet_0 --resolution 224 --output factors",),
    "latency import": ("tiernas latency import results.jsonl",),
    "latency measure": (
        "tiernas latency measure gpunet_p0 --precision int8 --compare --profile",
        "tiernas latency measure timm:resnet18 --engine onnxruntime",
        "tiernas latency measure mine.onnx --threads 2",
        "tiernas latency measure mine.onnx --device ssh://pi@raspberrypi",
    ),
    "latency plan": ("tiernas latency plan --space mobile-small --engine onnxruntime --output kit.pyz",),
    "latency show": ("tiernas latency show --space gpunet-small --engine openvino",),
    "plugins": ("tiernas plugins",),
    "remeasure": (
        "tiernas remeasure model-table",
        "tiernas remeasure mine.toml --seconds 20",
    ),
    "report": ("tiernas report mine.toml",),
    "search": (
        "tiernas search mine.toml --plan",
        "tiernas search mine.toml",
        "tiernas search mine.toml --set search.trainings=60 --set workers.count=4",
        "tiernas search mine.toml --address auto",
    ),
    "status": ("tiernas status mine.toml", "tiernas status mine.toml --watch"),
    "table add": ("tiernas table add --released --rivals", "tiernas table add mine.json --precision int8"),
    "table export": ("tiernas table export digits-0.15-0.3-1-openvino-fp32-1f0c9a3b --output deploy",),
    "table list": ("tiernas table list",),
    "table page": ("tiernas table page --output table.html",),
    "table query": (
        "tiernas table query --max-latency-ms 1.0",
        "tiernas table query --min-accuracy 95% --engine openvino --precision int8 --limit 5",
    ),
    "verdict": ("tiernas verdict mine.toml", "tiernas verdict mine.toml --json"),
    "tiers": ("tiernas tiers --space gpunet-small", "tiernas tiers --edges 0.2,0.4,0.8"),
}
