"""Images with notes, questions or sound: sizes, splits by group, what is masked and what is left out."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse.data import audio_visual_digits, covid_chestxray
from graphfuse.encoders.log_mel import LogMel

# chest X-rays


def test_chest_x_rays_are_those_of_the_collection(real):
    data = real("covid_chestxray")
    assert data.batch.targets["covid19"].bincount().tolist() == [96, 210]
    assert tuple(data.batch.inputs["image"].shape) == (306, 1, 128, 128)
    assert data.batch.inputs["image"].dtype == torch.float32
    assert data.batch.inputs["image"].min() == 0 and data.batch.inputs["image"].max() == 1


def test_no_patient_is_on_both_sides(real):
    data = real("covid_chestxray")
    patients = {part: set(data.part(part).groups) for part in data.parts}
    assert {part: (len(data.part(part)), len(each)) for part, each in patients.items()} == {
        "train": (209, 108),
        "test": (97, 46),
    }
    assert not patients["train"] & patients["test"]
    labels = pd.Series(data.labels).groupby(pd.Series(data.groups)).nunique()
    assert (labels == 2).sum() == 4


def test_the_share_of_missing_cells_and_notes_is_the_documented_one(real):
    data = real("covid_chestxray")
    cells = pd.DataFrame(data.batch.inputs["table"].numpy(), columns=data.batch.columns["table"]).isna().mean()
    expected = {"sex": 0.04, "offset": 0.18, "age": 0.35, "pO2_saturation": 0.78, "lymphocyte_count": 0.91}
    for column, share in {**expected, "temperature": 0.94}.items():
        assert cells[column] == pytest.approx(share, abs=0.006), column
    notes = pd.Series(data.batch.present["notes"].numpy()).groupby(data.labels).mean()
    assert notes.to_dict() == pytest.approx({"present": 0.60, "absent": 0.92}, abs=0.006)


def test_notes_do_not_name_the_diagnosis(real):
    notes = real("covid_chestxray").batch.inputs["notes"]["clinical_notes"].dropna()
    assert not notes.str.contains("covid|corona|sars|ncov|pcr", case=False).any()
    assert notes.str.contains("[masked]", regex=False).sum() > 20
    assert notes.str.len().min() > 5


@pytest.mark.parametrize(
    ("note", "masked"),
    [
        ("COVID-19 was confirmed by RT-PCR.", "[masked] was confirmed by [masked]."),
        ("the novel coronavirus (SARS-CoV-2)", "the novel [masked] ([masked])"),
        ("2019-nCoV infection, covid19+", "[masked] infection, [masked]"),
        ("A coarse cough, no record.", "A coarse cough, no record."),
    ],
)
def test_words_that_say_the_diagnosis_are_masked_as_a_whole(note, masked):
    assert re.sub(covid_chestxray.MASKED, "[masked]", note) == masked


def test_no_place_date_address_or_outcome_is_an_input(real):
    batch = real("covid_chestxray").batch
    names = {*batch.columns["table"], *batch.inputs["notes"].columns}
    forbidden = {"location", "url", "doi", "filename", "date", "other_notes", "finding", "view", "license"}
    assert not names & (forbidden | {"survival", "intubated", "went_icu", "in_icu", "extubated"})
    assert batch.modalities == ("image", "table", "notes")


# questions on images


def test_closed_questions_are_answered_by_yes_or_no(real):
    data = real("vqa_rad")
    answers = {part: data.part(part).batch.targets["answer"].bincount().tolist() for part in data.parts}
    assert answers == {"train": [884, 829], "test": [133, 118]}
    assert tuple(data.batch.inputs["image"].shape) == (1964, 1, 128, 128)
    assert data.batch.inputs["question"].columns.tolist() == ["question"]
    assert data.batch.inputs["question"]["question"].str.len().min() > 5
    assert data.batch.present["question"].all()


def test_questions_of_an_image_share_a_group_and_its_pixels(real):
    data = real("vqa_rad")
    images = {part: set(data.part(part).groups) for part in data.parts}
    assert len(images["test"]) == 135 and len(images["test"] & images["train"]) == 129
    assert len(set(data.groups)) == 294
    groups = pd.Series(data.groups)
    rows = groups[groups == groups.value_counts().index[0]].index
    assert len(rows) > 2
    for row in rows[1:]:
        assert torch.equal(data.batch.inputs["image"][row], data.batch.inputs["image"][rows[0]])


# spoken and written digits


def test_pairs_are_split_by_takes_and_each_digit_is_as_frequent(real):
    data = real("audio_visual_digits")
    counts = {part: data.part(part).batch.targets["digit"].bincount().tolist() for part in data.parts}
    assert counts == {"train": [270] * 10, "test": [30] * 10}
    assert pd.Series(data.groups).value_counts().to_dict() == dict.fromkeys(audio_visual_digits.SPEAKERS, 500)


def test_sound_is_scaled_padded_with_zeros_and_cut_after_a_second(real, real_root):
    data = real("audio_visual_digits")
    audio = data.batch.inputs["audio"]
    assert tuple(audio.shape) == (3000, 8000) and audio.dtype == torch.float32
    raw = audio_visual_digits.RECORDINGS.arrays(real_root)
    lengths = np.diff(raw["offsets"])
    assert (lengths > audio_visual_digits.NUM_SAMPLES).sum() == 20
    peaks = audio.abs().amax(1)
    torch.testing.assert_close(peaks[torch.from_numpy(lengths <= 8000)], torch.ones(2980), rtol=0, atol=1e-6)
    for row in (0, 1234, int(lengths.argmax()), int(lengths.argmin())):
        sound = raw["samples"][raw["offsets"][row] : raw["offsets"][row + 1]].astype(np.float64)
        expected = np.zeros(8000)
        expected[: min(len(sound), 8000)] = (sound / abs(sound).max())[:8000]
        np.testing.assert_allclose(audio[row], expected, atol=1e-6)


@pytest.mark.slow
def test_spectrograms_of_the_recordings_tell_the_digits(real):
    data = real("audio_visual_digits")
    spectrograms = LogMel(audio_visual_digits.SAMPLE_RATE, num_mels=20)(data.batch.inputs["audio"])
    features = torch.nn.functional.adaptive_avg_pool2d(spectrograms[:, None], (20, 12)).flatten(1).double()
    train = torch.tensor([part == "train" for part in data.split])
    features = (features - features[train].mean(0)) / features[train].std(0)
    features = torch.cat([features, torch.ones(3000, 1)], dim=1)
    states = data.batch.targets["digit"]
    wanted = torch.nn.functional.one_hot(states[train], 10).double()
    weights = torch.linalg.solve(features[train].T @ features[train] + 10 * torch.eye(241), features[train].T @ wanted)
    found = (features[~train] @ weights).argmax(1)
    assert (found == states[~train]).double().mean() > 0.88


def test_an_image_shows_the_digit_that_is_spoken_and_none_is_used_twice(real, real_root):
    data = real("audio_visual_digits")
    images = data.batch.inputs["image"]
    assert tuple(images.shape) == (3000, 1, 28, 28) and images.min() == 0 and images.max() == 1
    assert len(images.flatten(1).unique(dim=0)) == 3000
    raw = audio_visual_digits.IMAGES.arrays(real_root)
    pairs = audio_visual_digits.PAIRS.table(real_root)
    assert raw["y"][pairs["mnist_row"]].tolist() == data.batch.targets["digit"].tolist()
    spoken = audio_visual_digits.RECORDINGS.arrays(real_root)["digit"]
    assert spoken[pairs["fsdd_row"]].tolist() == data.batch.targets["digit"].tolist()
