"""The second host's own main.py, patched in memory, trains and tests where it could not."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from helpers.hosts.upstream_host import content, mini, pin, write_config, write_data

from gait_plugins.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    GaitPluginsError,
    UnknownComponent,
    UpstreamMismatch,
)
from upstream_patches.checkout.tree import MODULES, Checkout
from upstream_patches.patches.data_checks import check_data
from upstream_patches.patches.patch import Host
from upstream_patches.run.program import RunOptions, run

CPU = RunOptions(device="cpu")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Checkout:
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    return checkout


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path / "mine.yaml", write_data(tmp_path / "data"))


def host_run(checkout: Checkout, config: Path, phase: str = "train", *overrides: str) -> Host:
    return run(
        checkout, ["--cfgs", str(config), "--phase", phase], RunOptions(device="cpu", overrides=overrides)
    )


def state(checkout: Checkout) -> list[object]:
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "PYTHONDONTWRITEBYTECODE")
    own = {name: os.environ.get(name) for name in names}
    return [content(checkout), os.getcwd(), list(sys.argv), own, list(sys.path)]


def rank1(text: str) -> str:
    return re.findall(r"NM@R1: .*", text)[-1]


def saved(checkout: Checkout, model: str = "MiniSet") -> Path:
    return checkout.root / "output" / "CASIA-B" / model / "mini" / "checkpoints" / "mini-00004.pt"


def test_it_trains_saves_and_tests_and_leaves_no_trace(
    checkout: Checkout, config: Path, capfd, monkeypatch, tmp_path: Path
):
    monkeypatch.delenv("RANK", raising=False)
    passing = tmp_path / "passing"  # others' tests write into the system's folder meanwhile
    passing.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(passing))
    before = state(checkout)
    handlers = list(logging.getLogger("opengait").handlers)  # pytest's own, once a test has run before
    modules = set(sys.modules)
    host_run(checkout, config, "train", "trainer_cfg.with_test=true")
    assert state(checkout) == before
    assert {name for name in set(sys.modules) - modules if name.split(".")[0] in MODULES} == set()
    assert list(passing.glob("mine-*.yaml")) == []
    assert logging.getLogger("opengait").handlers == handlers
    assert not dist.is_initialized()
    assert torch.load(saved(checkout), weights_only=True)["iteration"] == 4
    text = capfd.readouterr().err
    assert "Iteration 00004" in text
    assert "NM@R1" in text


def test_output_may_lie_elsewhere(checkout: Checkout, config: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = RunOptions(device="cpu", output="runs")
    for phase in ("train", "test"):
        run(checkout, ["--cfgs", str(config), "--phase", phase], options)
    assert (tmp_path / "runs/CASIA-B/MiniSet/mini/checkpoints/mini-00004.pt").is_file()
    assert (tmp_path / "runs/CASIA-B/MiniSet/mini/summary").is_dir()
    assert not (checkout.root / "output").exists()
    with pytest.raises(ConfigError, match="--out needs the patch 'output'"):
        run(checkout, ["--cfgs", str(config)], RunOptions(output="runs", without=("output",)))


@pytest.mark.parametrize("model", ["MiniSet", "Leaky", "OnlyOne"])
def test_every_test_batch_size_gives_the_same(checkout: Checkout, config: Path, capfd, model: str):
    """Networks that look across a packed batch, and those that demand one sequence, get one at a time."""
    overrides = (f"model_cfg.model={model}",)
    host_run(checkout, config, "train", *overrides)
    found = set()
    for size in (1, 3, 8, 20):
        host_run(checkout, config, "test", *overrides, f"evaluator_cfg.sampler.batch_size={size}")
        found.add(rank1(capfd.readouterr().err))
    assert len(found) == 1
    assert "of 8" in found.pop()


def test_relative_paths_mean_what_they_mean_in_the_host(checkout: Checkout, tmp_path: Path, monkeypatch):
    """In the YAML they start from the checkout; the YAML itself may lie where the user is, or there."""
    data = write_data(checkout.root / "datasets" / "mine")
    own = {name: os.path.relpath(path, checkout.root) for name, path in data.items()}
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_config(folder / "mine.yaml", own)
    run(checkout, ["--cfgs", "mine.yaml", "--phase", "train"], CPU)
    run(checkout, ["--cfgs", "./mine.yaml", "--phase=test", "--iter", "4"], CPU)
    inside = (f"data_cfg.{name}={path}" for name, path in own.items())
    words = [word for override in inside for word in ("-o", override)]
    run(checkout, ["--cfgs", "configs/miniset/miniset.yaml", "--phase", "test", *words], CPU)
    assert list(folder.iterdir()) == [folder / "mine.yaml"]


def test_a_configuration_may_inherit_and_is_completed_by_the_hosts_defaults(
    checkout: Checkout, config: Path, tmp_path: Path, capfd
):
    child = tmp_path / "child.yaml"
    child.write_text("inherits: mine.yaml\ntrainer_cfg: {total_iter: 2, save_iter: 2}\n")
    host_run(checkout, child)
    assert saved(checkout).with_name("mini-00002.pt").is_file()
    host_run(checkout, child, "train", "trainer_cfg.save_name=other", "trainer_cfg.sampler.batch_size=[2,1]")
    assert (checkout.root / "output/CASIA-B/MiniSet/other/checkpoints/other-00002.pt").is_file()


def test_what_newer_numpy_lacks_and_a_missing_torchvision_do_not_matter(checkout: Checkout, config: Path):
    host_run(checkout, config, "train", "trainer_cfg.transform=[{type: Both}]")


def test_a_model_that_needs_a_missing_package_is_told_when_it_is_asked_for(checkout: Checkout, config: Path):
    for model, package in (("Needy", "kornia_that_nobody_has"), ("Needier", "kornia_that_nobody_has")):
        with pytest.raises(GaitPluginsError, match=f"{model}.* needs {package}: pip install {package}"):
            host_run(checkout, config, "train", f"model_cfg.model={model}")


def test_a_checkpoint_that_runs_code_is_refused(checkout: Checkout, config: Path, tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return (print, ("owned",))

    torch.save({"model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="more than tensors") as caught:
        host_run(checkout, config, "test", f"evaluator_cfg.restore_hint={tmp_path / 'evil.pt'}")
    assert "--without safe-loading" in str(caught.value)


def test_a_damaged_checkpoint_is_refused(checkout: Checkout, config: Path, tmp_path: Path):
    path = tmp_path / "hurt.pt"
    torch.save({"model": {"w": torch.arange(500.0)}}, path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.arange(500.0).numpy().tobytes()) + 99] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"hurt\.pt: the file is truncated or damaged .*data/0 does not"
    ):
        host_run(checkout, config, "test", f"evaluator_cfg.restore_hint={path}")


@pytest.mark.parametrize("workers", [0, 1])
def test_data_that_runs_code_is_refused_by_the_name_of_its_file(
    checkout: Checkout, config: Path, tmp_path: Path, workers: int
):
    for file in (tmp_path / "data").rglob("*.pkl"):
        file.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(
        DataError, match=r"^/[^\n]*090\.pkl: a pickle that would run code[^\n]*\n  -> [^\n]*$"
    ):
        host_run(checkout, config, "train", f"data_cfg.num_workers={workers}")


def test_frames_of_different_shapes_stay_a_list(tmp_path: Path):
    import pickle

    from gait_plugins.io.safe_pickle import load_frames

    clouds = [np.ones((3, 2)), np.ones((4, 2))]
    file = tmp_path / "cloud.pkl"
    file.write_bytes(pickle.dumps(clouds))
    with file.open("rb") as stream:
        read = load_frames(stream)
    assert [frame.shape for frame in read] == [(3, 2), (4, 2)]


def test_a_test_set_without_sequences_is_told(checkout: Checkout, config: Path, tmp_path: Path):
    host_run(checkout, config)
    (tmp_path / "partition.json").write_text('{"TRAIN_SET": ["001"], "TEST_SET": []}')
    with pytest.raises(DataError, match="no sequences to test"):
        host_run(checkout, config, "test")


def test_data_that_is_not_there_is_told_before_any_work(checkout: Checkout, config: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"no such folder: .your_path. in .*host, where relative") as root:
        host_run(checkout, config, "train", "data_cfg.dataset_root=your_path")
    assert root.value.where == "data_cfg.dataset_root"
    missing = tmp_path / "none.json"
    with pytest.raises(DataError, match=r"no such file: '.*none\.json'\n") as listed:
        host_run(checkout, config, "train", f"data_cfg.dataset_partition={missing}")
    assert listed.value.where == "data_cfg.dataset_partition"
    assert not (checkout.root / "output").exists()


@pytest.mark.parametrize(("phase", "subset"), [("train", "TRAIN_SET"), ("test", "TEST_SET")])
def test_a_folder_above_or_below_the_identities_is_told(
    checkout: Checkout, config: Path, tmp_path: Path, phase: str, subset: str
):
    with pytest.raises(DataError, match=f"holds none of the .* identities of {subset}") as raised:
        host_run(checkout, config, phase, f"data_cfg.dataset_root={tmp_path}")
    assert "it holds data, " in str(raised.value)


def test_of_several_data_sets_each_that_is_read_is_checked(tmp_path: Path):
    there = write_data(tmp_path / "data")
    several = [there, {**there, "dataset_root": str(tmp_path / "gone")}]
    check_data(several, "test")
    check_data([there, there], "train")
    with pytest.raises(DataError, match=r"no such folder: .*gone"):
        check_data(several, "train")


def test_a_partition_that_is_none_is_told(checkout: Checkout, config: Path, tmp_path: Path):
    (tmp_path / "partition.json").write_text("[]")
    with pytest.raises(DataError, match="is not a partition file"):
        host_run(checkout, config)


def test_a_name_that_nobody_has_is_told_of_both(checkout: Checkout, config: Path):
    with pytest.raises(UnknownComponent, match="OpenGait has no 'NoNet', and no installed package"):
        host_run(checkout, config, "train", "model_cfg.model=NoNet")


def test_the_command_that_checks_out_the_pin_may_be_pasted(tmp_path: Path, monkeypatch):
    spaced = mini(tmp_path / "a host")
    pin(spaced, tmp_path / "pins", monkeypatch)
    sampler = spaced.file("data.sampler")
    sampler.write_text(sampler.read_text() + "\n# a change\n")
    with pytest.raises(UpstreamMismatch) as raised:
        run(spaced, ["--cfgs", "configs/miniset/miniset.yaml", "--phase", "train"], CPU)
    assert f"git -C '{spaced.root}' checkout" in str(raised.value.hint)


def test_without_the_device_patch_the_host_is_as_it_was(checkout: Checkout, config: Path):
    """Every patch can be switched off; here NCCL, or the number of GPUs, ends the run."""
    options = RunOptions(device="cpu", without=("device",))
    with pytest.raises(Exception, match=r"NCCL|nccl|as many GPUs|CUDA"):
        run(checkout, ["--cfgs", str(config), "--phase", "train"], options)
    assert not dist.is_initialized()


def test_a_changed_checkout_goes_on_only_when_asked(checkout: Checkout, config: Path, caplog):
    sampler = checkout.file("data.sampler")
    sampler.write_text(sampler.read_text() + "\n# a change\n")
    with pytest.raises(UpstreamMismatch, match=r"opengait/data/sampler\.py"):
        host_run(checkout, config)
    options = RunOptions(device="cpu", allow_unpinned=True)
    logging.getLogger("gait_plugins").propagate = True
    run(checkout, ["--cfgs", str(config), "--phase", "train"], options)
    assert "opengait/data/sampler.py" in caplog.text
    sampler.write_text(
        sampler.read_text().replace("def __init__(self, dataset, batch_size):", "def __init__(self, data):")
    )
    fresh = Checkout(checkout.root)
    with pytest.raises(UpstreamMismatch, match=r"patch device: data\.sampler\.InferenceSampler\.__init__ is"):
        run(fresh, ["--cfgs", str(config), "--phase", "train"], options)


def test_mistakes_on_the_command_line_are_told(checkout: Checkout, config: Path):
    with pytest.raises(ConfigError, match="no configuration given"):
        run(checkout, ["--phase", "train"], CPU)
    with pytest.raises(ConfigError, match="there is no configuration 'trackletgait/gait3'") as caught:
        run(checkout, ["--cfgs", "trackletgait/gait3"], CPU)
    assert "trackletgait/gait3d" in str(caught.value)
    with pytest.raises(ConfigError, match="unknown section 'trainer'"):
        run(checkout, ["--cfgs", str(config), "-o", "trainer.total_iter=1"], CPU)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="1 process on this machine, but 0 GPUs"):
            run(checkout, ["--cfgs", str(config)], RunOptions(device="cuda"))


def test_a_short_test_is_not_padded_to_the_size_of_a_batch(monkeypatch: pytest.MonkeyPatch):
    from upstream_patches.adapters import any_batches

    assert [len(batch) for batch in any_batches.InferenceBatches(range(16), 256)] == [16]
    assert [len(batch) for batch in any_batches.InferenceBatches(range(20), 8)] == [8, 8, 4]
    for processes in (2, 3, 7):
        monkeypatch.setattr(any_batches, "world_size", lambda n=processes: n)
        for size, batch in ((16, 256), (16, 6), (1, 4), (23, 5)):
            shares = []
            for number in range(processes):
                monkeypatch.setattr(any_batches, "rank", lambda n=number: n)
                shares.append(list(any_batches.InferenceBatches(range(size), batch)))
            assert len({tuple(map(len, share)) for share in shares}) == 1  # tensors of one size are gathered
            gathered = [i for batches in zip(*shares, strict=True) for share in batches for i in share]
            assert gathered[:size] == list(range(size))
            assert len(gathered) - size < processes


def test_a_test_within_a_training_may_have_any_batch_size_in_every_version(
    checkout: Checkout, config: Path, tmp_path: Path
):
    """One version compares the batch size of the training with the number of GPUs."""
    file = checkout.file("modeling.base_model")
    ours = 'evaluator_cfg = model.cfgs["evaluator_cfg"]\n'
    text = file.read_text()
    assert ours in text
    file.write_text(
        text.replace('evaluator_cfg["sampler"]["batch_size"]:', 'model.engine_cfg["sampler"]["batch_size"]:')
    )
    options = RunOptions("cpu", allow_unpinned=True, overrides=("trainer_cfg.with_test=true",))
    run(checkout, ["--cfgs", str(config), "--phase", "train"], options)


def older(checkout: Checkout) -> Checkout:
    """As versions before October 2023: the transforms are made for each batch."""
    file = checkout.file("modeling.base_model")
    lines = [line for line in file.read_text().splitlines() if "_trfs = get_transform" not in line]
    kept = "transforms = self.trainer_trfs if self.training else self.evaluator_trfs"
    made = 'transforms = get_transform(self.engine_cfg["transform"])'
    file.write_text("\n".join(lines).replace(kept, made))
    assert made in file.read_text()
    return checkout


@pytest.mark.parametrize(
    "name", ["BaseSilCuttingTransform", "gait-plugins-trackletgait/BaseSilCuttingTransform"]
)
def test_transforms_that_are_made_for_each_batch_do_the_same(
    checkout: Checkout, config: Path, tmp_path: Path, capfd, name: str
):
    transform = (f"trainer_cfg.transform=[{{type: {name}}}]", f"evaluator_cfg.transform=[{{type: {name}}}]")
    said = []
    for place in (checkout, older(mini(tmp_path / "older"))):
        for phase in ("train", "test"):
            options = RunOptions("cpu", allow_unpinned=True, overrides=transform)
            run(place, ["--cfgs", str(config), "--phase", phase], options)
        text = capfd.readouterr().err
        said.append((rank1(text), re.findall(r"loss=[\d.]+", text)))
    assert said[0] == said[1]


def test_what_the_host_hands_over_beyond_what_was_expected_reaches_its_own_code(
    checkout: Checkout, config: Path, capfd
):
    """Parameters that were added with a default, and are used."""
    changes = {
        "modeling.base_model": [
            (
                "def inference(self, rank):",
                "def inference(self, rank, extra=None):\n        print('extra', extra)",
            ),
            (
                "model.inference(torch.distributed.get_rank())",
                "model.inference(torch.distributed.get_rank(), extra=3)",
            ),
            ("def inputs_pretreament(self, inputs):", "def inputs_pretreament(self, inputs, more=1):"),
            ("ipts = model.inputs_pretreament(inputs)", "ipts = model.inputs_pretreament(inputs, more=2)"),
            ("def save_ckpt(self, iteration):", "def save_ckpt(self, iteration, final=False):"),
            ("model.save_ckpt(model.iteration)", "model.save_ckpt(model.iteration, final=True)"),
            (
                "def get_loader(self, data_cfg, train=True):",
                "def get_loader(self, data_cfg, train=True, quick=0):",
            ),
            (
                'self.get_loader(cfgs["data_cfg"], train=True)',
                'self.get_loader(cfgs["data_cfg"], train=True, quick=1)',
            ),
            ("def run_test(model):", "def run_test(model, quiet=False):"),
        ],
        "data.collate_fn": [("label_set, sample_config):", "label_set, sample_config, pad=0):")],
    }
    for module, pairs in changes.items():
        file = checkout.file(module)
        text = file.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        file.write_text(text)
    for phase in ("train", "test"):
        options = RunOptions("cpu", allow_unpinned=True)
        run(Checkout(checkout.root), ["--cfgs", str(config), "--phase", phase], options)
    assert "extra 3" in capfd.readouterr().out


def test_a_part_that_is_off_is_refused_by_name_and_nothing_else(checkout: Checkout, config: Path, caplog):
    (checkout.package / "modeling/multidataset_model.py").unlink()
    aggregator = checkout.file("modeling.loss_aggregator")
    aggregator.write_text(aggregator.read_text().replace("training_feats", "features"))
    here = Checkout(checkout.root)
    logging.getLogger("gait_plugins").propagate = True
    options = RunOptions("cpu", allow_unpinned=True)
    host = run(here, ["--cfgs", str(config), "--phase", "train"], options)
    assert set(host.off) == {"losses", "several-data-sets"}
    assert "losses is off: modeling.loss_aggregator.LossAggregator.forward is (self, features)" in caplog.text
    for override, words in (
        (
            "loss_cfg=[{type: TripletLoss_HardEx, log_prefix: triplet}]",
            "the loss TripletLoss_HardEx needs the patch losses, but modeling.loss_aggregator",
        ),
        (
            "loss_cfg=[{type: TripletLoss, log_prefix: more, features: triplet}]",
            "features needs the patch losses, but modeling.loss_aggregator",
        ),
    ):
        with pytest.raises(ConfigError, match=words):
            run(here, ["--cfgs", str(config)], RunOptions("cpu", allow_unpinned=True, overrides=(override,)))
    data = write_config(config.with_name("two.yaml"), [])
    with pytest.raises(
        ConfigError, match="a training on several data sets is off: the checkout has no module"
    ):
        run(here, ["--cfgs", str(data)], options)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_packed_batch_is_taken_apart_and_put_together(size: int):
    from upstream_patches.adapters.any_batches import one_by_one

    def leaks(inputs):
        (frames,), labels, *_ = inputs
        features = frames.mean(1).expand(len(labels), -1)
        return {"inference_feat": {"embeddings": features[:, :, None], "labels": labels}}

    lengths = torch.tensor([[2, 3, 1][:size]], dtype=torch.int32)
    frames = torch.rand(1, int(lengths.sum()), 5)
    kinds = ["nm"] * size
    found = one_by_one(leaks)(([frames], torch.arange(size), kinds, kinds, lengths))["inference_feat"]
    expected = [clip.mean(1) for clip in frames.split(lengths[0].tolist(), 1)]
    torch.testing.assert_close(found["embeddings"][:, :, 0], torch.cat(expected))
    assert found["labels"].tolist() == list(range(size))


@pytest.mark.heavy
def test_two_processes_train_as_one(checkout: Checkout, tmp_path: Path):
    """Half the batch each, batch norm over both: after four steps the weights agree."""
    data = write_data(tmp_path / "still", still=True) | {"num_workers": 1}
    settings = {"sync_BN": True, "sampler": {"batch_size": [2, 4]}}
    config = write_config(tmp_path / "mine.yaml", data, trainer_cfg=settings)
    host_run(checkout, config)
    alone = torch.load(saved(checkout), weights_only=True)["model"]
    saved(checkout).unlink()
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["--opengait", str(checkout.root), "--allow-unpinned", "--device", "cpu"]
    done = subprocess.run(
        [*launcher, "-m", "gait_plugins", "upstream", "run", *words, "--", "--cfgs", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    both = torch.load(saved(checkout), weights_only=True)["model"]
    torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-5)
