"""What does the network among the default experts of images buy?

GRAPHFUSE_DATA=... python -m tests.benchmarks.image_expert

One modality, images, fitted with all defaults of FusionClassifier (`default`) and without the network (`flat`):
accuracy and negative log-likelihood of other images in nats, and process CPU seconds of the fit. Digits of 8 by 8
pixels come with scikit-learn, two of three to fit; those of 28 by 28 and the X-rays of 128 by 128 are in the folder,
with their published or given split, every third of 2700 digits to fit, X-rays by patient.
"""

import time

import numpy as np
from sklearn.datasets import load_digits

from graphfuse import FusionClassifier, load
from graphfuse.estimators.experts import default_experts


def main() -> None:
    for name, (images, states, train, groups) in cases().items():
        rows, others = np.flatnonzero(train), np.flatnonzero(~train)
        experts = default_experts(images.shape[1:], len(rows), len(np.unique(states)))
        flat = {kind: expert for kind, expert in experts.items() if kind != "network"}
        settings = {} if groups is None else {"groups": groups[rows]}
        for label, encoders in (("flat", {"image": flat}), ("default", None)):
            start = time.process_time()
            model = FusionClassifier(encoders=encoders, random_state=0)
            model.fit({"image": images[rows]}, states[rows], **settings)
            seconds = time.process_time() - start
            log_probs = model.predict_log_proba({"image": images[others]})
            accuracy = (log_probs.argmax(1) == states[others]).mean()
            loss = -log_probs[np.arange(len(others)), states[others]].mean()
            print(f"{name:28s} {label:8s} {accuracy:.3f} {loss:.4f} {seconds:6.1f}", flush=True)


def cases() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]]:
    """Images, classes, which rows are to fit, and what each belongs to."""
    images, states = load_digits(return_X_y=True)
    found = {"digits, 8 by 8": (images.reshape(-1, 1, 8, 8), states, np.arange(len(states)) % 3 > 0, None)}
    for name in ("audio_visual_digits", "covid_chestxray"):
        data = load(name)
        train = np.array(data.split) == "train"
        kept = ~train
        kept[np.flatnonzero(train)[:: 3 if name == "audio_visual_digits" else 1]] = True
        states, groups = (np.unique(each, return_inverse=True)[1][kept] for each in (data.labels, data.groups))
        images = data.batch.inputs["image"].numpy()[kept]
        found[name] = images, states, train[kept], groups if name == "covid_chestxray" else None
    return found


if __name__ == "__main__":
    main()
