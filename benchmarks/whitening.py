"""ZCA whitening as scripts do it, in float32: seconds of each on normal rows, and the version. Usage: whitening.py ROWS FEATURES THREADS"""
import os
import sys

rows, features, threads = (int(text) for text in sys.argv[1:])
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)

import time  # noqa: E402

import numpy as np  # noqa: E402

eps = 1e-5
X = np.random.default_rng(1).normal(0.5, 0.25, (rows, features)).astype(np.float32)


def by_svd():
    mu = X.mean(0)
    C = np.cov((X - mu).T)
    U, S, _ = np.linalg.svd(C)
    return (U / np.sqrt(S + eps)) @ U.T


def by_eigh():
    mu = X.mean(0)
    Xc = X - mu
    C = Xc.T @ Xc / (len(X) - 1)
    l, U = np.linalg.eigh(C)
    return (U / np.sqrt(l + eps)) @ U.T


for script in by_svd, by_eigh:
    start = time.perf_counter()
    script()
    print(script.__name__, time.perf_counter() - start, np.__version__, flush=True)
