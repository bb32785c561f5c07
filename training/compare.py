"""Learners to hold the net against, on the same rows, weights and folds: python compare.py FOLDER.

Reads shape.json, x.f32, bad.u8, weight.f32 and fold.i32 (-1: only learnt from, -2: left alone, else the fold in which the
row is held out). For every fold each learner is trained on all other rows and scores the fold's. Writes NAME.f32, the
log-odds of every row held out (NaN elsewhere), and result.json.
"""
# needs: numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 lightgbm==4.7.0 xgboost-cpu==3.2.0
import json
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
import sklearn
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def gradient_boosting():
    return lightgbm.LGBMClassifier(
        n_estimators=300, learning_rate=0.05, num_leaves=31, min_child_samples=20, colsample_bytree=0.7, subsample=0.8,
        subsample_freq=1, reg_lambda=1.0, n_jobs=1, random_state=1, deterministic=True, verbose=-1,
    )


def extreme_boosting():
    return xgboost.XGBClassifier(
        n_estimators=300, learning_rate=0.08, max_depth=6, min_child_weight=2, colsample_bytree=0.7, subsample=0.8,
        reg_lambda=1.0, tree_method="hist", n_jobs=1, random_state=1,
    )


def regression():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))


def log_odds(name, model, x):
    if name == "lightgbm":
        return model.predict(x, raw_score=True)
    if name == "xgboost":
        return model.predict(x, output_margin=True)
    return model.decision_function(x)


def fit(name, model, x, bad, weight):
    if name == "logistic-regression":
        return model.fit(x, bad, logisticregression__sample_weight=weight)
    return model.fit(x, bad, sample_weight=weight)


LEARNERS = {
    "lightgbm": (gradient_boosting, lightgbm.__version__),
    "xgboost": (extreme_boosting, xgboost.__version__),
    "logistic-regression": (regression, sklearn.__version__),
}


def main(folder):
    shape = json.loads((folder / "shape.json").read_text())
    x = np.fromfile(folder / "x.f32", np.float32).reshape(shape["rows"], shape["width"])
    bad = np.fromfile(folder / "bad.u8", np.uint8)
    weight = np.fromfile(folder / "weight.f32", np.float32)
    fold = np.fromfile(folder / "fold.i32", np.int32)
    results = []
    for name, (make, version) in LEARNERS.items():
        out = np.full(len(bad), np.nan, np.float32)
        importance = np.zeros(shape["width"])
        began = time.monotonic()
        for held in np.unique(fold[fold >= 0]):
            train, test = (fold != held) & (fold != -2), fold == held
            model = fit(name, make(), x[train], bad[train], weight[train])
            out[test] = log_odds(name, model, x[test])
            if name == "lightgbm":
                importance += model.booster_.feature_importance("gain")
        out.tofile(folder / f"{name}.f32")
        share = importance / importance.sum() if importance.sum() > 0 else None
        results.append({
            "name": name,
            "version": version,
            "seconds": time.monotonic() - began,
            "importance": None if share is None else share.tolist(),
        })
    (folder / "result.json").write_text(json.dumps(results))


main(Path(sys.argv[1]))
