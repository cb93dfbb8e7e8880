# SPDX-License-Identifier: Apache-2.0
"""Figures of a trained model for people: pictures, a summary, and the card in models/ddos."""
import json
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from . import measure

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

PICTURE = {"dpi": 80, "metadata": {"Software": None}}  # equal figures, equal files


def share(counts):
    flows = sum(c["flows"] for c in counts.values())
    above = sum(c["above"] for c in counts.values())
    return {"flows": flows, "above": above, "share": above / flows if flows else None}


def summary(found, threshold):
    has_both = len(set(found["labels"])) == 2
    return {"attack": share(found["attack"]), "benign": share(found["benign"]), "attacks": found["attack"],
            "programs": found["benign"], "threshold": threshold,
            "auc": float(roc_auc_score(found["labels"], found["scores"])) if has_both else None}


def pictures(folder, name, found, threshold):
    """NAME-confusion.png and NAME-roc.png of labelled flows."""
    matrix = confusion_matrix(found["labels"], found["scores"] > threshold)
    figure, axes = pyplot.subplots(figsize=(4.2, 3.6))
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        axes.text(column, row, f"{count:,}\n{shares[row, column]:.2%}", ha="center", va="center",
                  color="white" if shares[row, column] > 0.5 else "black")
    axes.set(xticks=(0, 1), xticklabels=("benign", "attack"), yticks=(0, 1), yticklabels=("benign", "attack"),
             xlabel=f"what {name} says (threshold {threshold:g})", ylabel="what the flow is",
             title="flows of tools and applications\nthat were kept out of training")
    figure.tight_layout()
    figure.savefig(Path(folder) / f"{name}-confusion.png", **PICTURE)
    pyplot.close(figure)

    false, true, _ = roc_curve(found["labels"], found["scores"])
    figure, axes = pyplot.subplots(figsize=(4.2, 3.6))
    axes.plot(np.maximum(false, 1e-5), true)
    at = found["scores"] > threshold
    axes.plot([max(at[found["labels"] == 0].mean(), 1e-5)], [at[found["labels"] == 1].mean()], "o",
              label=f"threshold {threshold:g}")
    axes.set(xscale="log", xlim=(1e-5, 1), ylim=(0, 1.02), xlabel="share of benign flows flagged",
             ylabel="share of attack flows found", title=f"{name}: ROC, area {roc_auc_score(found['labels'], found['scores']):.5f}")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(Path(folder) / f"{name}-roc.png", **PICTURE)
    pyplot.close(figure)


def captures(weir, model, folder, threshold):
    """{"attack": {file: counts}, "benign": ...} of captures that nobody trained or tuned on; every flow of an attack
    capture counts as attack, those of the victim's own among them."""
    result = {}
    for kind in ("attack", "mixed", "benign"):
        result[kind] = {}
        for path in sorted((Path(folder) / kind).glob("*.pcap*")):
            windows = measure.replay(weir, model, path)
            flows = sum(len(w["alerts"]) for w in windows)
            above = sum(measure.flagged(w, threshold) for w in windows)
            result[kind][path.name] = {"flows": flows, "above": above, "share": above / flows if flows else 0.0}
    return result


def of(counts, digits):
    """"0.9987 of 12,345"."""
    return "-" if counts["share"] is None else f"{counts['share']:.{digits}f} of {counts['flows']:,}"


def tell(result, say):
    for view, test in result["test"].items():
        say(f"{result['network']}: test, {view}: attacks found {of(test['attack'], 4)}, benign flagged "
            f"{of(test['benign'], 5)}")
    for kind, files in result.get("captures", {}).items():
        for name, counts in files.items():
            say(f"{result['network']}: {kind} {name}: {counts['above']} of {counts['flows']} ({counts['share']:.4f})")


# ------------------------------------------------------------------------------------------- the card
def rows(counts):
    return "\n".join(f"| {name} | {c['flows']:,} | {c['above']:,} | {c['share']:.4f} |" for name, c in counts.items())


def write_card(folder):
    """README.md between its two marks is made of metrics.json (and lucid.json); the words around it are written by
    hand."""
    folder = Path(folder)
    card = folder / "README.md"
    begin, end = "<!-- figures: made by tools/train.py --ship -->", "<!-- end of figures -->"
    text = card.read_text(encoding="utf-8")
    before, after = text.split(begin)[0], text.split(end)[1]
    card.write_text(before + begin + "\n" + figures(folder) + "\n" + end + after, encoding="utf-8")


def figures(folder):
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    lucid = folder / "lucid.json"
    parts = [overview(metrics, json.loads(lucid.read_text(encoding="utf-8")) if lucid.exists() else None)]
    test = metrics["test"]["both, 10 s"]
    head = "| flows | found | share |\n|---|---|---|---|"
    parts.append(f"### Attacks by tools kept out of training (windows of 10 s)\n\n| tool, attack {head}\n" + rows(test["attacks"]))
    parts.append("### Benign programs in the same captures\n\n| program | flows | flagged | share |\n|---|---|---|---|\n" + rows(test["programs"]))
    for kind, word in (("attack", "found"), ("mixed", "flagged"), ("benign", "flagged")):
        files = metrics.get("captures", {}).get(kind)
        if files:
            parts.append(f"### Foreign captures, {kind}\n\n| capture | flows | {word} | share |\n|---|---|---|---|\n" + rows(files))
    importance = sorted(((v, k) for k, v in metrics["permuted"].items() if k != "as it is"))
    parts.append(f"### Balanced accuracy with one feature permuted (as it is: {metrics['permuted']['as it is']:.4f})\n\n"
                 "| feature | accuracy |\n|---|---|\n" + "\n".join(f"| {k} | {v:.4f} |" for v, k in importance))
    return "\n\n".join(parts)


def overview(metrics, lucid):
    lines = [f"Network: {metrics['parameters']:,} parameters, {metrics['model_bytes']:,} bytes; seed {metrics['seed']}, "
             f"{metrics['epochs']} epochs, commit {metrics['commit']}; threshold {metrics['threshold']:g}.",
             f"Train: {metrics['train']}. Validation: {metrics['validation']}.", "",
             "| network | view, window | attack flows found | benign flows flagged | area under ROC |", "|---|---|---|---|---|"]
    for result in (metrics, lucid):
        if result is None:
            continue
        for view, test in result["test"].items():
            area = "-" if test["auc"] is None else f"{test['auc']:.5f}"
            lines.append(f"| {result['network']} | {view} | {of(test['attack'], 4)} | {of(test['benign'], 5)} | {area} |")
    return "\n".join(lines)
