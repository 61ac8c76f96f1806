"""The labelled runs: what each is, what is wrong with it, and what mends it.

A fault is a training and the changes that mend it; its twin is the training with those changes.
`proof` names how the two are compared (proofs.py). Runs are only appended: a run's number within its
kind says which half it is in.
"""

from dataclasses import dataclass, field


@dataclass
class Run:
    label: str
    base: str
    changes: list
    mend: list = field(default_factory=list)
    form: str = "csv"
    style: str = "plain"
    every: int = 1  # steps between the lines of the log
    val: int = 0  # steps between evaluations that the log has; 0: none
    hide: tuple = ()
    proof: str = "end"
    join: dict | None = None  # a run of two parts: how the second began
    after: str = ""  # what the tool that logs does: "nan" goes on logging, "lr_one" logs 1


RUNS = []


def add(label, base, changes, mend=(), **options):
    split = lambda text: text.split() if isinstance(text, str) else list(text)
    RUNS.append(Run(label, base, split(changes), split(mend), **options))


HF, TB, OWN = "trainer_state", "tensorboard", "descent"
CONSTANT = "-schedule schedule.name=constant"
CLOUDS = "data.kind=csv data.label=y data.path={data}/clouds.csv"
SGD = "-optimizer optimizer.name=sgd optimizer.momentum=0.9"
PRODIGY = "-optimizer optimizer.name=prodigy optimizer.lr=1"
PRODIGY_MLP = PRODIGY + " optimizer.weight_decay=0"
ADAFACTOR = (
    "-optimizer optimizer.name=adafactor optimizer.relative_step=false"
    " optimizer.scale_parameter=false clip=none"
)
MUON = "-optimizer optimizer.name=muon optimizer.lr=0.02 clip=none"
BF16 = "precision=bf16 weights.format=bf16 weights.rounding=nearest"
MEASURED = "instruments.every=10 instruments.curvature=false instruments.noise=false"

# Rates that are several times too high: the loss swings, and ends above the twin's.
add("lr_too_high", "gpt", "optimizer.lr=0.1 steps=600", "optimizer.lr=3e-3", every=5)
add("lr_too_high", "cnn",
    f"-optimizer optimizer.name=sgd optimizer.momentum=0.9 optimizer.lr=1 {CONSTANT} steps=300",
    "optimizer.lr=0.1", form=HF, every=2, val=50)
add("lr_too_high", "mlp", f"{CONSTANT} optimizer.lr=0.2 steps=800", "optimizer.lr=0.05", form=OWN)
add("lr_too_high", "mlp", "optimizer.name=adamw optimizer.lr=0.1 schedule.warmup=60 steps=600",
    "optimizer.lr=5e-3", style="wandb", val=100)
add("lr_too_high", "cnn", "-schedule schedule.name=warmup schedule.warmup=40 optimizer.lr=0.15 "
    "steps=400", "optimizer.lr=0.01", form=TB, val=50)
add("lr_too_high", "gpt", "-schedule schedule.name=warmup schedule.warmup=100 optimizer.lr=1 "
    "steps=600", "optimizer.lr=3e-3", style="bare")
add("lr_too_high", "mlp", f"{CLOUDS} {CONSTANT} optimizer.lr=0.25 steps=700", "optimizer.lr=0.02",
    style="lightning", every=2)
add("lr_too_high", "mlp", "optimizer.name=lion optimizer.lr=0.01 steps=600", "optimizer.lr=1e-3",
    form=HF, every=5)

# The loss rises for good.
add("diverged", "mlp", "optimizer.lr=0.8", "optimizer.lr=0.05", form=OWN, val=100, proof="diverged")
add("diverged", "mlp", f"schedule.name=warmup schedule.warmup=300 optimizer.lr=0.9",
    "optimizer.lr=0.05", style="wandb", proof="diverged")
add("diverged", "gpt", f"optimizer.name=lion {CONSTANT} optimizer.lr=0.15 clip=none steps=250",
    "optimizer.lr=3e-4",
    form=HF, every=5, proof="diverged")
add("diverged", "mlp", f"{CLOUDS} {CONSTANT} optimizer.lr=2 optimizer.momentum=0.9",
    "optimizer.lr=0.02", form=TB, proof="diverged")
add("diverged", "gpt", f"optimizer.name=adamw {CONSTANT} optimizer.lr=3 clip=none steps=250",
    "optimizer.lr=3e-3", style="plain", val=50, proof="diverged")
add("diverged", "mlp",
    "data.kind=csv data.label=y data.path={data}/wide3.csv -schedule schedule.name=constant "
    "optimizer.lr=0.3 optimizer.momentum=0 optimizer.nesterov=false batch=8 model.hidden=1024 "
    "steps=400 optimizer.weight_decay=0", "optimizer.lr=0.01", style="bare", every=5, proof="diverged")

# Rates far below what the model bears.
add("lr_too_low", "gpt", "optimizer.lr=1e-4", "optimizer.lr=3e-3", form=OWN)
add("lr_too_low", "gpt", "optimizer.lr=2e-4 steps=1000 schedule.warmup=50", "optimizer.lr=3e-3",
    form=HF, every=10, val=200)
add("lr_too_low", "mlp", "optimizer.lr=1e-3 steps=600", "optimizer.lr=0.05", style="wandb", val=100)
add("lr_too_low", "mlp", "optimizer.name=adamw optimizer.lr=3e-5 steps=800", "optimizer.lr=3e-3",
    form=TB)
add("lr_too_low", "cnn", f"{CONSTANT} optimizer.lr=1e-4 steps=300", "optimizer.lr=1e-2",
    style="lightning", every=5)
add("lr_too_low", "mlp", f"{CLOUDS} optimizer.lr=5e-4 {CONSTANT} steps=800", "optimizer.lr=0.02",
    style="bare", val=100)

# A high rate at once: a spike in the first steps, from which the run recovers.
add("warmup_too_short", "cnn", "optimizer.lr=0.1 schedule.warmup=0", "schedule.warmup=40",
    form=OWN, proof="early")
add("warmup_too_short", "cnn", "optimizer.lr=0.2 schedule.warmup=0 steps=300",
    "schedule.warmup=60", style="wandb", val=50, proof="early")
add("warmup_too_short", "cnn",
    "optimizer.lr=0.1 schedule.warmup=0 model.channels=16,32 steps=300", "schedule.warmup=60",
    form=TB, proof="early")
add("warmup_too_short", "cnn", "optimizer.lr=0.25 schedule.warmup=2 steps=250 batch=64",
    "schedule.warmup=40", form=HF, every=2, proof="early")
add("warmup_too_short", "gpt",
    f"{MUON} optimizer.adamw_lr=1 schedule.warmup=0 schedules.adamw_lr.name=cosine steps=400",
    "schedules.adamw_lr.warmup=150", style="bare", proof="early")
add("warmup_too_short", "gpt",
    f"{MUON} optimizer.adamw_lr=0.6 schedule.warmup=0 schedules.adamw_lr.name=cosine steps=700 "
    "model.width=48", "schedules.adamw_lr.warmup=150", style="plain", proof="early", every=2)
add("warmup_too_short", "cnn", "optimizer.lr=0.15 schedule.warmup=1 steps=400 batch=16 clip.norm=1 "
    "model.channels=16,16", "schedule.warmup=80", style="lightning", val=100, proof="early")

# The threshold lies far below all norms: every step is shortened.
add("clip_too_tight", "mlp", "clip.norm=0.02", "clip.norm=2", form=OWN)
add("clip_too_tight", "mlp", "clip.norm=0.05 schedule.name=cosine optimizer.lr=0.03 steps=600",
    "clip.norm=5", style="wandb", val=100)
add("clip_too_tight", "gpt", f"{SGD} optimizer.lr=0.1 clip.norm=0.02 steps=600", "clip.norm=1",
    style="plain", every=5)
add("clip_too_tight", "gpt", f"{SGD} optimizer.lr=0.05 clip.norm=0.05 {CONSTANT} steps=800",
    "clip.norm=2", form=TB, val=100)
add("clip_too_tight", "mlp", f"{CLOUDS} optimizer.lr=0.02 clip.norm=0.03 steps=800", "clip.norm=3",
    style="bare", every=2)
add("clip_too_tight", "cnn",
    f"{SGD} optimizer.lr=0.1 optimizer.weight_decay=5e-4 clip.norm=0.05 steps=300", "clip.norm=2",
    form=OWN, val=50)

# The threshold is never reached.
add("clip_idle", "gpt", "clip.norm=1000", "", form=OWN, proof="idle")
add("clip_idle", "mlp", "clip.norm=100 steps=600", "", style="plain", proof="idle", val=100)
add("clip_idle", "cnn", "clip.norm=200 optimizer.lr=0.01", "", form=TB, proof="idle")
add("clip_idle", "gpt", f"{MUON} optimizer.adamw_lr=3e-3 clip.norm=50 steps=500", "", style="bare",
    proof="idle", every=5)

# Faults of the data reach single batches.
UNITS = "data.kind=csv data.label=y data.path={data}/units%s.csv data.test_path={data}/clouds.csv"
add("loss_spikes", "mlp", UNITS % "" + " clip.norm=1 optimizer.lr=0.02 steps=800",
    "data.path={data}/clouds.csv", form=OWN, proof="spikes")
add("loss_spikes", "mlp", UNITS % "2" + " clip.norm=1 optimizer.lr=0.03 steps=1000",
    "data.path={data}/clouds.csv", style="wandb", val=200, proof="spikes")
add("loss_spikes", "mlp",
    UNITS % "3" + " clip.norm=1 optimizer.lr=0.03 steps=700 schedule.name=cosine",
    "data.path={data}/clouds.csv", style="plain", proof="spikes")
RUBBISH = "data.path={data}/rubbish%s.txt data.test_path={data}/words-test.txt"
add("loss_spikes", "gpt", RUBBISH % "3" + " steps=800 batch=4 optimizer.lr=1e-2 clip=none", "data.path={data}/words.txt", form=TB,
    proof="spikes")
add("loss_spikes", "gpt", RUBBISH % "2" + " steps=600 clip=none optimizer.lr=5e-3 batch=4",
    "data.path={data}/words.txt", style="bare", val=100, proof="spikes")
add("loss_spikes", "gpt", RUBBISH % "3" + f" steps=700 batch=4 {MUON} optimizer.adamw_lr=3e-3",
    "data.path={data}/words.txt", form=OWN, proof="spikes")

# Nothing moves any more, well above what the twin reaches.
add("plateau", "mlp", f"{CONSTANT} optimizer.weight_decay=0.1 steps=1000",
    "optimizer.weight_decay=5e-4", form=OWN)
add("plateau", "mlp", f"{CONSTANT} optimizer.weight_decay=0.05 steps=1200",
    "optimizer.weight_decay=5e-4", style="wandb", val=100)
add("plateau", "mlp", f"{CONSTANT} model.hidden=2 steps=1500 optimizer.lr=0.03", "model.hidden=64",
    form=TB)
add("plateau", "gpt", f"{CONSTANT} model.width=4 model.layers=1 steps=1500 optimizer.lr=1e-2",
    "model.width=32 model.layers=2 optimizer.lr=3e-3", form=HF, every=10, val=150)
add("plateau", "mlp", f"{CONSTANT} optimizer.name=adamw optimizer.lr=3e-3 "
    "optimizer.weight_decay=10 steps=1000", "optimizer.weight_decay=0.01", style="bare", every=5)
add("plateau", "mlp",
    "data.kind=csv data.label=y data.path={data}/broken2.csv -schedule schedule.name=constant "
    "optimizer.lr=0.02 steps=600", "data.path={data}/mended2.csv", style="plain", proof="training")

# The validation loss rises while the training loss falls.
NOISY = "data.kind=csv data.label=y data.path={data}/noisy.csv"
add("overfitting", "mlp", f"{NOISY} {CONSTANT} steps=900 optimizer.lr=0.05",
    "model.hidden=16 model.dropout=0.2 optimizer.lr=0.02 steps=200", form=OWN, val=50,
    proof="overfit")
add("overfitting", "mlp", f"{NOISY} {CONSTANT} optimizer.name=adamw optimizer.lr=3e-3 steps=1000",
    "steps=150", style="wandb", val=40, proof="overfit")
add("overfitting", "mlp", "data.validation_fraction=0.93 steps=600 optimizer.name=adamw "
    "optimizer.lr=5e-3 optimizer.weight_decay=0", "data.validation_fraction=0.2", form=TB, val=30,
    proof="overfit")
SHORT = "data.path={data}/short.txt data.test_path={data}/short-test.txt"
add("overfitting", "gpt", f"{SHORT} steps=1500 model.width=64 batch=16",
    "steps=150", form=HF, every=10, val=50, proof="overfit")
add("overfitting", "gpt", f"data.path={{data}}/tiny.txt data.test_path={{data}}/short-test.txt "
    f"steps=600 model.width=48 batch=12 {CONSTANT} optimizer.lr=2e-3", "data.path={data}/words.txt",
    style="plain", every=5, val=50, proof="overfit")
add("overfitting", "mlp", f"{NOISY} optimizer.lr=0.1 steps=1000 model.hidden=256,128", "steps=150", style="lightning", every=5, val=25,
    proof="overfit")

# The loss scale grows too eagerly, and steps are thrown away again and again.
FP16 = "precision=fp16 nonfinite=skip skip_limit=100"
add("fp16_overflow", "gpt", f"{FP16} loss_scale.growth_interval=2", "loss_scale.growth_interval=2000",
    form=OWN, proof="skips")
add("fp16_overflow", "gpt", f"{FP16} loss_scale.growth_interval=4 steps=500 loss_scale.growth_factor=8",
    "loss_scale.growth_interval=2000 loss_scale.growth_factor=2", style="wandb", proof="skips")
add("fp16_overflow", "mlp", f"{FP16} loss_scale.growth_interval=3 loss_scale.growth_factor=4 "
    "loss_scale.init_scale=1e6", "loss_scale.growth_interval=2000 loss_scale.init_scale=65536",
    form=OWN, val=50, proof="skips")
add("fp16_overflow", "gpt", f"{FP16} loss_scale.init_scale=1e12 loss_scale.backoff_factor=0.8 "
    "loss_scale.growth_interval=10 steps=250",
    "loss_scale.init_scale=65536 loss_scale.backoff_factor=0.5 loss_scale.growth_interval=2000",
    style="plain", proof="skips")
add("fp16_overflow", "cnn", f"{FP16} loss_scale.growth_interval=4 loss_scale.growth_factor=16 "
    "optimizer.lr=3e-3", "loss_scale.growth_interval=2000 loss_scale.growth_factor=2",
    style="bare", val=50, proof="skips")

# The loss is not a number in the end.
add("nan", "gpt", f"{SGD} optimizer.lr=1 schedule.warmup=0 clip=none", "optimizer.lr=0.05",
    form=OWN, proof="nan")
add("nan", "gpt", f"{SGD} optimizer.lr=5 schedule.warmup=150 clip=none", "optimizer.lr=0.05",
    style="wandb", after="nan", proof="nan")
add("nan", "mlp", "schedule.name=exponential schedule.gamma=1.03 optimizer.lr=0.02 steps=1000",
    "schedule.gamma=0.997", style="plain", val=50, after="nan", proof="nan")
add("nan", "mlp", "optimizer.lr=40 optimizer.momentum=0.95 optimizer.nesterov=false",
    "optimizer.lr=0.02", form=HF, every=5, after="nan", proof="nan")
add("nan", "gpt", f"{SGD} optimizer.lr=0.7 {CONSTANT} clip=none model.layers=4",
    "optimizer.lr=0.05", form=TB, proof="nan")
add("nan", "gpt", f"{SGD} -schedule schedule.name=warmup schedule.warmup=400 optimizer.lr=2 "
    "clip=none batch=4 steps=600", "optimizer.lr=0.05", style="bare", after="nan", proof="nan")

# Weights in bf16, rounded to the nearest: most updates leave no trace.
add("updates_lost", "gpt", f"{BF16} optimizer.lr=1e-3", "weights.rounding=stochastic", form=OWN)
add("updates_lost", "gpt", f"{BF16} optimizer.lr=3e-4 steps=1000", "weights.rounding=master",
    style="wandb", val=200)
add("updates_lost", "mlp", f"{BF16} optimizer.name=adamw optimizer.lr=2e-4 steps=800",
    "weights.rounding=master", form=TB)
add("updates_lost", "mlp", f"{BF16} {CLOUDS} optimizer.lr=1e-3 steps=800 optimizer.momentum=0.9",
    "weights.rounding=kahan", style="plain")
add("updates_lost", "cnn", f"{BF16} optimizer.lr=3e-4 steps=400", "weights.rounding=master",
    form=OWN, val=100)

# Prodigy's estimate stays where it began.
add("d_stuck", "gpt", f"{PRODIGY} optimizer.lr=1e-4 clip=none", "optimizer.lr=0.1", form=OWN)
add("d_stuck", "mlp", f"{PRODIGY_MLP} optimizer.lr=1e-3 steps=600", "optimizer.lr=1",
    style="kohya")
add("d_stuck", "cnn", f"{PRODIGY_MLP} optimizer.lr=3e-4", "optimizer.lr=0.3", form=TB, val=50)
add("d_stuck", "gpt", f"{PRODIGY} optimizer.d_coef=0.003 clip=none steps=500",
    "optimizer.d_coef=0.1", style="plain")
add("d_stuck", "mlp", f"{PRODIGY_MLP} schedule.name=cosine optimizer.d_coef=0.002 steps=500",
    "optimizer.d_coef=0.5", style="wandb", val=100)
add("d_stuck", "gpt", f"{PRODIGY} {CONSTANT} optimizer.d_max=2e-6 clip=none", "optimizer.d_max=3e-3",
    form=OWN, val=100)

# The estimate has not arrived when the run ends.
add("d_still_rising", "gpt", f"{PRODIGY} optimizer.growth_rate=1.02 optimizer.d_coef=0.2 {CONSTANT} clip=none "
    "steps=300", "optimizer.growth_rate=1.5", form=OWN)
add("d_still_rising", "mlp", f"{PRODIGY_MLP} optimizer.growth_rate=1.015 steps=500",
    "optimizer.growth_rate=1.1", style="kohya")
add("d_still_rising", "gpt", f"{PRODIGY} optimizer.growth_rate=1.01 steps=600 clip=none",
    "optimizer.growth_rate=1.04", form=TB, val=100)
add("d_still_rising", "cnn", f"{PRODIGY_MLP} optimizer.growth_rate=1.03 steps=250",
    "optimizer.growth_rate=1.5", style="plain", val=50)
add("d_still_rising", "cnn", f"{PRODIGY_MLP} {CONSTANT} optimizer.lr=0.01 steps=400",
    "optimizer.lr=0.3", form=OWN)
add("d_still_rising", "mlp", f"{PRODIGY_MLP} {CONSTANT} optimizer.lr=0.01 steps=450",
    "optimizer.lr=0.3", style="bare")

# Some tensors hardly move.
add("tensors_not_moving", "gpt", [*MEASURED.split(),
    'optimizer.groups=[{name: body, match: "h.*", lr: 1e-8}]'], ["optimizer.groups=none"], form=OWN)
add("tensors_not_moving", "mlp", [*MEASURED.split(),
    'optimizer.groups=[{name: first, match: "*0*", lr: 0}]', "model.hidden=32,32,32"],
    ["optimizer.groups=none"], form=OWN, val=100)
add("tensors_not_moving", "gpt", [*MEASURED.split(), "optimizer.layer_decay=0.02", "steps=500"],
    ["optimizer.layer_decay=none"], form=OWN)
add("tensors_not_moving", "gpt", [*MEASURED.split(), "steps=500",
    'optimizer.groups=[{name: tables, match: "w?e.*", lr: 1e-9}]'], ["optimizer.groups=none"],
    style="wandb")
add("tensors_not_moving", "cnn", [*MEASURED.split(), "optimizer.lr=0.01",
    'optimizer.groups=[{name: filters, match: "stages.*.conv*", lr: 1e-7}]'], ["optimizer.groups=none"],
    form=TB)

# The schedule is over long before the run.
add("schedule_ended_early", "gpt", "schedule.total=150 schedule.floor_ratio=0 steps=600",
    "schedule.total=none", form=OWN)
add("schedule_ended_early", "gpt", "schedule.total=250 schedule.floor_ratio=0.001 steps=800",
    "schedule.total=none", form=HF, every=10, val=100)
add("schedule_ended_early", "mlp", "schedule.total=120 optimizer.lr=0.02 steps=500",
    "schedule.total=none", style="wandb")
add("schedule_ended_early", "cnn", "schedule.total=80 steps=320 optimizer.lr=3e-3",
    "schedule.total=none", style="lightning", every=2, val=40)
add("schedule_ended_early", "gpt",
    f"{MUON} optimizer.adamw_lr=3e-3 schedule.total=200 schedule.floor_ratio=0 steps=800 "
    "schedules.adamw_lr.name=cosine schedules.adamw_lr.total=200",
    "schedule.total=none schedules.adamw_lr.total=none", form=TB)
add("schedule_ended_early", "mlp", f"{CLOUDS} optimizer.lr=3e-3 schedule.total=200 steps=700",
    "schedule.total=none", style="bare", every=5)

# The run stops in the middle of its schedule.
MUON_COSINE = (
    "-optimizer optimizer.name=muon clip=none schedule.floor_ratio=0 schedules.adamw_lr.name=cosine "
)
WHOLE = "schedule.total=none schedules.adamw_lr.total=none"
add("schedule_cut_off", "gpt", MUON_COSINE + "optimizer.lr=0.05 optimizer.adamw_lr=3e-2 batch=4 "
    "steps=600 schedule.total=1500 schedules.adamw_lr.total=1500", WHOLE, form=OWN)
add("schedule_cut_off", "mlp", f"{CLOUDS} schedule.total=2000 steps=800 optimizer.lr=0.1 batch=16 "
    "model.hidden=24", "schedule.total=none", style="wandb", val=100)
add("schedule_cut_off", "cnn", "schedule.total=700 steps=300 optimizer.lr=0.04",
    "schedule.total=none", form=TB)
add("schedule_cut_off", "gpt", MUON_COSINE + "optimizer.lr=0.08 optimizer.adamw_lr=5e-3 batch=2 "
    "steps=600 schedule.total=1500 schedules.adamw_lr.total=1500", WHOLE, form=HF, every=10)
add("schedule_cut_off", "mlp", f"{CLOUDS} schedule.total=1600 steps=700 optimizer.lr=0.1",
    "schedule.total=none", style="plain", every=5)
add("schedule_cut_off", "mlp", f"{CLOUDS} schedule.name=cosine schedule.total=1500 steps=600 "
    "optimizer.name=adamw optimizer.lr=0.02 model.hidden=16 batch=16", "schedule.total=none", style="bare", val=100)

# The run was interrupted, and began again without all that it had been.
add("resume_jump", "gpt", "schedule.total=900 steps=900", "", join=dict(at=500, weights_of=120),
    form=OWN, proof="jump")
add("resume_jump", "gpt", f"{CONSTANT} steps=800", "", proof="jump", style="wandb",
    join=dict(at=450, changes=["optimizer.lr=0.03"]))
add("resume_jump", "mlp", "schedule.name=linear schedule.total=700 steps=700 optimizer.name=adamw "
    "optimizer.lr=5e-3", "", join=dict(at=420, weights_of=40), proof="jump", val=70)
add("resume_jump", "gpt", "schedule.total=1000 steps=1000", "", form=HF, every=10, proof="jump",
    join=dict(at=700, reset="h.0.mlp"))
add("resume_jump", "cnn", "schedule.total=400 steps=400 optimizer.lr=0.01", "", proof="jump",
    style="bare", join=dict(at=220, reset="head"))
add("resume_jump", "mlp", f"{CLOUDS} {CONSTANT} optimizer.lr=0.01 steps=800", "", proof="jump",
    form=OWN, val=100, join=dict(at=400, weights_of=30))

# Learnt by heart: the loss falls where an epoch ends, and only there.
WIDE = "data.kind=csv data.label=y data.path={data}/wide%s.csv steps=null -schedule " \
    "schedule.name=constant optimizer.weight_decay=0"
PLAIN = " optimizer.momentum=0 optimizer.nesterov=false"
add("epoch_sawtooth", "mlp", WIDE % "" + PLAIN + " epochs=5 optimizer.lr=0.1 batch=8 model.hidden=1024",
    "epochs=1", form=OWN)
add("epoch_sawtooth", "mlp",
    WIDE % "" + " epochs=4 optimizer.name=adamw optimizer.lr=1e-3 batch=8 model.hidden=1024",
    "epochs=1", form=HF, every=2)
add("epoch_sawtooth", "mlp",
    WIDE % "2" + " epochs=3 optimizer.name=adamw optimizer.lr=2e-3 batch=4 model.hidden=512",
    "epochs=1", style="wandb")
add("epoch_sawtooth", "mlp",
    WIDE % "2" + " epochs=4 optimizer.name=adamw optimizer.lr=1.5e-3 batch=8 model.hidden=512",
    "epochs=1", form=TB)
add("epoch_sawtooth", "mlp",
    WIDE % "3" + " epochs=4 optimizer.name=adamw optimizer.lr=1e-3 batch=8 model.hidden=1024",
    "epochs=1", style="lightning", every=2)
add("epoch_sawtooth", "mlp",
    WIDE % "2" + " epochs=5 optimizer.name=lion optimizer.lr=2e-4 batch=8 model.hidden=1024",
    "epochs=1", style="bare", every=5)

# Prodigy multiplies a rate that is logged as 1.
add("lr_not_logged", "mlp", f"{PRODIGY_MLP} {CONSTANT}", "", after="lr_one", style="plain",
    proof="logged", hide=("d",))
add("lr_not_logged", "gpt", f"{PRODIGY} {CONSTANT} optimizer.d_coef=0.05 clip=none steps=600", "",
    after="lr_one", form=HF, every=10, val=100, proof="logged", hide=("d",))
add("lr_not_logged", "cnn", f"{PRODIGY_MLP} {CONSTANT} optimizer.d_coef=0.5", "", after="lr_one",
    style="wandb", proof="logged", hide=("d",))
add("lr_not_logged", "mlp", f"{CLOUDS} {PRODIGY_MLP} optimizer.d_coef=0.5 {CONSTANT} "
    "model.hidden=16 steps=500", "", after="lr_one", style="bare", val=100, proof="logged", hide=("d",))

# Nothing is wrong.
def fine(base, changes, **options):
    add("healthy", base, changes, proof="healthy", **options)


fine("gpt", "", form=OWN)
fine("gpt", "steps=1000", form=HF, every=10, val=200)
fine("gpt", "steps=600 batch=16 clip=none", style="wandb", val=100)
fine("gpt", f"{MUON} optimizer.adamw_lr=5e-3 steps=500", form=TB)
fine("gpt", f"{ADAFACTOR} optimizer.lr=1e-2 steps=600", style="plain", every=5)
fine("gpt", "optimizer.lr=4e-3 optimizer.betas=0.9,0.95 clip=none steps=800", style="bare")
fine("gpt", f"{SGD} optimizer.lr=0.1 clip=none steps=700", form=OWN, val=100)
fine("gpt", "data.path={data}/words.txt steps=800 batch=8 optimizer.lr=1e-2", style="lightning", every=2)
fine("gpt", "-schedule schedule.name=wsd schedule.warmup=20 steps=700", style="plain", val=100)
fine("gpt", "model.width=48 model.layers=3 optimizer.lr=2e-3 steps=400", form=OWN)
fine("gpt", "steps=2000 batch=4 clip=none", form=HF, every=10)
fine("gpt", f"{PRODIGY} optimizer.d_coef=0.05 steps=600 clip=none", style="kohya")
fine("gpt", "steps=150 batch=16 optimizer.lr=5e-3 schedule.warmup=10", style="plain")
fine("gpt", "precision=bf16 weights.format=bf16 weights.rounding=stochastic steps=600", form=OWN)
fine("gpt", "precision=fp16 nonfinite=skip steps=500", style="wandb")
fine("mlp", "", form=OWN)
fine("mlp", "optimizer.lr=0.07 steps=800", style="wandb", val=100)
fine("mlp", "optimizer.name=adamw optimizer.lr=4e-3 schedule.name=cosine", form=TB, val=50)
fine("mlp", "optimizer.name=lion optimizer.lr=1e-3 schedule.name=cosine batch=64", form=HF, every=5)
fine("mlp", f"{PRODIGY_MLP} optimizer.d_coef=0.5", form=OWN, val=100)
fine("mlp", f"{CLOUDS} model.hidden=16 optimizer.lr=0.03 steps=600", style="plain", val=50)
fine("mlp", f"{CLOUDS} model.hidden=12 optimizer.name=adamw optimizer.lr=0.01 steps=500 batch=64",
     form=HF, every=5, val=50)
fine("mlp", f"{CLOUDS} model.hidden=16 optimizer.lr=0.03 steps=800 batch=16", style="bare")
fine("mlp", "model.hidden=64 batch=16 optimizer.lr=0.03 steps=600", style="lightning", every=10)
fine("mlp", "model.dropout=0.2 optimizer.lr=0.1 steps=700", form=TB)
fine("mlp", f"{PRODIGY_MLP} optimizer.d_coef=0.3 steps=300 schedule.name=cosine", style="kohya")
fine("cnn", "optimizer.lr=0.02", form=OWN, val=50)
fine("cnn", "optimizer.lr=0.015 steps=300 batch=16", style="wandb")
fine("cnn", "optimizer.lr=0.02 steps=250 batch=64", form=TB, val=50)
fine("cnn", "optimizer.lr=0.02 schedule.warmup=40 steps=150", style="plain")
fine("cnn", f"{SGD} optimizer.lr=0.1 steps=300", form=HF, every=5)
fine("cnn", "-schedule schedule.name=onecycle optimizer.lr=0.03 steps=250", style="bare", val=50)
fine("cnn", f"{PRODIGY_MLP} optimizer.d_coef=0.5 schedule.warmup=10 steps=250", form=OWN)
fine("gpt", f"{SHORT} steps=120 batch=8 optimizer.lr=5e-3", style="wandb", val=20)
fine("gpt", f"steps=800 optimizer.lr=2e-3 clip=none -schedule schedule.name=linear schedule.warmup=40",
     form=HF, every=1)
fine("gpt", [*MEASURED.split(), "steps=300"], form=OWN, val=100)
fine("mlp", "batch=128 optimizer.lr=0.15 steps=300 schedule.name=cosine schedule.warmup=20",
     form=TB)
