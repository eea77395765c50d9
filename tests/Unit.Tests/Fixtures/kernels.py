"""Writes the fixtures of RnnLm.Kernels.Tests with PyTorch (made with 1.13). Run: python3 generate.py

Every file is text: a line "name value value ..." each, floats printed so that they read back exactly.
"""
import os
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def line(out, name, values):
    values = values.reshape(-1).tolist() if torch.is_tensor(values) else values
    out.write(" ".join([name] + [repr(v) for v in values]) + "\n")


def language_model(path, vocabulary, dimension, layers, padding_id, lengths, seed):
    """Elman units with an explicit time loop over padded batches, loss masked by length."""
    torch.manual_seed(seed)
    dtype = torch.float64
    parameters = {"embedding.weight": torch.randn(vocabulary, dimension, dtype=dtype) * 0.5}
    for layer in range(layers):
        parameters[f"rnn.rnn_units.{layer}.Uh"] = torch.randn(dimension, dimension, dtype=dtype) * 0.4
        parameters[f"rnn.rnn_units.{layer}.Wh"] = torch.randn(dimension, dimension, dtype=dtype) * 0.4
        parameters[f"rnn.rnn_units.{layer}.b"] = torch.rand(dimension, dtype=dtype)
    parameters["fc.weight"] = torch.randn(vocabulary, dimension, dtype=dtype) * 0.5
    parameters["fc.bias"] = torch.rand(vocabulary, dtype=dtype)
    if padding_id >= 0:
        parameters["embedding.weight"][padding_id] = 0
    # float32 values, so that both sides start from the same numbers.
    parameters = {k: v.float().double().requires_grad_() for k, v in parameters.items()}

    # The padding id also occurs as a real token (end of text): only the length decides what counts.
    examples = [torch.randint(0, vocabulary, (n,)) for n in lengths]
    if padding_id >= 0:
        examples[0][1] = padding_id
        examples[0][-1] = padding_id
    longest = max(lengths)
    fill = max(padding_id, 0)
    padded = torch.full((len(lengths), longest), fill)
    for i, example in enumerate(examples):
        padded[i, : len(example)] = example
    inputs, targets = padded[:, :-1], padded[:, 1:]
    mask = torch.arange(longest - 1)[None, :] < (torch.tensor(lengths) - 1)[:, None]

    x = torch.nn.functional.embedding(
        inputs, parameters["embedding.weight"], padding_idx=padding_id if padding_id >= 0 else None
    )
    states = [torch.zeros(len(lengths), dimension, dtype=dtype) for _ in range(layers)]
    outputs = []
    for t in range(longest - 1):
        below = x[:, t]
        for layer in range(layers):
            p = f"rnn.rnn_units.{layer}."
            states[layer] = torch.tanh(
                below @ parameters[p + "Wh"] + states[layer] @ parameters[p + "Uh"] + parameters[p + "b"]
            )
            below = states[layer]
        outputs.append(below)
    logits = torch.stack(outputs, 1) @ parameters["fc.weight"].T + parameters["fc.bias"]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    loss = (losses * mask).sum()
    loss.backward()

    with open(os.path.join(HERE, path), "w") as out:
        line(out, "settings", [vocabulary, dimension, layers, padding_id])
        line(out, "starts", [sum(lengths[:i]) for i in range(len(lengths) + 1)])
        line(out, "ids", torch.cat(examples))
        line(out, "parameters", torch.cat([p.detach().reshape(-1) for p in parameters.values()]))
        line(out, "loss", [loss.item()])
        line(out, "gradient", torch.cat([p.grad.reshape(-1) for p in parameters.values()]))


def adam(path, vocabulary, dimension, layers, steps, seed):
    """torch.optim.Adam on one flat float32 tensor; embedding rows come and go between steps, padding row 2 never has a
    gradient."""
    torch.manual_seed(seed)
    length = 2 * vocabulary * dimension + layers * (2 * dimension * dimension + dimension) + vocabulary
    parameter = torch.randn(length)
    parameter[2 * dimension : 3 * dimension] = 0
    scale = torch.tensor(1 / 37, dtype=torch.float32)
    with open(os.path.join(HERE, path), "w") as out:
        line(out, "settings", [vocabulary, dimension, layers, 2])
        line(out, "hyper", [3e-3, 0.85, 0.98, 1e-7])
        line(out, "scale", [scale.item()])
        line(out, "parameters", parameter)
        optimiser = torch.optim.Adam([parameter], lr=3e-3, betas=(0.85, 0.98), eps=1e-7, foreach=False)
        for step in range(1, steps + 1):
            gradient = torch.randn(length) * 10.0 ** torch.randint(-4, 3, (length,))
            rows = torch.rand(vocabulary) < 0.5
            rows[2] = False
            embedding = gradient[: vocabulary * dimension].reshape(vocabulary, dimension)
            embedding[~rows] = 0
            parameter.grad = gradient * scale
            optimiser.step()
            state = optimiser.state[parameter]
            line(out, f"rows.{step}", torch.nonzero(rows))
            line(out, f"gradient.{step}", gradient)
            line(out, f"parameters.{step}", parameter)
            line(out, f"first.{step}", state["exp_avg"])
            line(out, f"second.{step}", state["exp_avg_sq"])


language_model("language-model-padded.txt", 13, 5, 2, 3, [4, 7, 2, 7, 3], seed=1)
language_model("language-model-deep.txt", 6, 8, 3, -1, [9, 9], seed=2)
language_model("language-model-single.txt", 4, 3, 1, -1, [2], seed=3)
adam("adam.txt", 7, 5, 1, 4, seed=4)
