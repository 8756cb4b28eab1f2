"""How is a perceptron with one hidden layer fitted over the vectors of texts, and stored as `src/perceptron.rs` reads it?"""

import struct
import warnings

import numpy as np

# Components of a vector of length 1 are small: so much larger they are learned from quickly.
VECTOR = 8.0


def vectors(texts, folder):
    """The mean-pooled vectors of length 1 that the encoder in `folder`, in f32, makes."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    found = np.zeros((len(texts), model.config.hidden_size), "f4")
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            batch = tokenizer([texts[at] for at in some], padding=True, truncation=True, max_length=256, return_tensors="pt")
            hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"].unsqueeze(-1)
            mean = (hidden * mask).sum(1) / mask.sum(1)
            found[some] = torch.nn.functional.normalize(mean, dim=-1).numpy()
    return found


def fit(x, y, units, rounds, decay=1.0):
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPClassifier((units,), alpha=decay, max_iter=rounds, random_state=0).fit(x, y)


def logits(model, x):
    hidden = np.maximum(x @ model.coefs_[0] + model.intercepts_[0], 0)
    return (hidden @ model.coefs_[1] + model.intercepts_[1])[:, 0]


def write(out, magic, fingerprint, model, points=None):
    """Stores a model of `VECTOR` times a vector, behind points that were multiplied by `points` if it was given any."""
    units = model.coefs_[0].shape[1]
    of_points = np.zeros(units) if points is None else model.coefs_[0][0] * points
    of_vector = model.coefs_[0][0 if points is None else 1 :].T * VECTOR
    first = np.column_stack([of_points, of_vector])
    numbers = np.concatenate([first.ravel(), model.intercepts_[0], model.coefs_[1][:, 0], model.intercepts_[1]]).astype("<f4")
    with open(out, "wb") as file:
        file.write(f"{magic} 1 {fingerprint} {of_vector.shape[1]} {units}\n".encode())
        file.write(struct.pack(f"<{len(numbers)}f", *numbers))
