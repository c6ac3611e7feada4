// Dense routines for numbers of type REAL, whose entry points are called ROUTINE(name). Included once for each type. LAPACK gets workspace
// of the host's.

// --- the symmetric eigenvalue problem
ENTRY ROUTINE(syevd_bufferSize)(Handle handle, int vectors, int uplo, int n, Address, int lda, Address, int* size) {
  return run(NAME(syevd_bufferSize), handle, [&](Routine& routine) {
    requireSymmetric(routine, uplo, n, lda);
    routine.requireBinary(vectors);
    emulator::wanted(size, "size") = workspace(n, n);
  });
}

ENTRY ROUTINE(syevd)(Handle handle, int vectors, int uplo, int n, Address a, int lda, Address w, Address work, int lwork, Address info) {
  return run(NAME(syevd), handle, [&](Routine& routine) {
    requireSymmetric(routine, uplo, n, lda);
    routine.requireBinary(vectors);
    auto matrix = routine.matrix<REAL>(a, n, n, lda);
    auto values = routine.span<REAL>(w, n);
    routine.solve<REAL>(matrix, work, lwork, workspace(n, n), info, [=](int* code) {
      char job = vectors == 1 ? 'V' : 'N';
      char fill = lapackFill(uplo);
      long order = n;
      std::vector<REAL> reals(static_cast<size_t>(1 + 6 * order + 2 * order * order));
      std::vector<int> integers(static_cast<size_t>(3 + 5 * order));
      int realSize = static_cast<int>(reals.size());
      int integerSize = static_cast<int>(integers.size());
      lapack<REAL>("syevd", &job, &fill, &n, matrix.get(), &lda, values.get(), reals.data(), &realSize, integers.data(), &integerSize, code,
          ONE, ONE);
    });
  });
}

// --- QR
ENTRY ROUTINE(geqrf_bufferSize)(Handle handle, int m, int n, Address, int lda, int* size) {
  return run(NAME(geqrf_bufferSize), handle, [&](Routine& routine) {
    requireGeneral(routine, m, n, lda);
    emulator::wanted(size, "size") = workspace(m, n);
  });
}

ENTRY ROUTINE(geqrf)(Handle handle, int m, int n, Address a, int lda, Address tau, Address work, int lwork, Address info) {
  return run(NAME(geqrf), handle, [&](Routine& routine) {
    requireGeneral(routine, m, n, lda);
    auto matrix = routine.matrix<REAL>(a, m, n, lda);
    auto factors = routine.span<REAL>(tau, std::min(m, n));
    routine.solve<REAL>(matrix, work, lwork, workspace(m, n), info, [=](int* code) {
      Workspace<REAL> own(n);
      lapack<REAL>("geqrf", &m, &n, matrix.get(), &lda, factors.get(), own.data(), own.size(), code);
    });
  });
}

ENTRY ROUTINE(orgqr_bufferSize)(Handle handle, int m, int n, int k, Address, int lda, Address, int* size) {
  return run(NAME(orgqr_bufferSize), handle, [&](Routine& routine) {
    requireGeneral(routine, m, n, lda);
    routine.require(n <= m && k >= 0 && k <= n, "m >= n >= k does not hold");
    emulator::wanted(size, "size") = workspace(m, n);
  });
}

ENTRY ROUTINE(orgqr)(Handle handle, int m, int n, int k, Address a, int lda, Address tau, Address work, int lwork, Address info) {
  return run(NAME(orgqr), handle, [&](Routine& routine) {
    requireGeneral(routine, m, n, lda);
    routine.require(n <= m && k >= 0 && k <= n, "m >= n >= k does not hold");
    auto matrix = routine.matrix<REAL>(a, m, n, lda);
    auto factors = routine.span<REAL>(tau, k);
    routine.solve<REAL>(matrix, work, lwork, workspace(m, n), info, [=](int* code) {
      Workspace<REAL> own(n);
      lapack<REAL>("orgqr", &m, &n, &k, matrix.get(), &lda, factors.get(), own.data(), own.size(), code);
    });
  });
}

ENTRY ROUTINE(ormqr_bufferSize)(Handle handle, int side, int trans, int m, int n, int k, Address, int lda, Address, Address, int ldc,
    int* size) {
  return run(NAME(ormqr_bufferSize), handle, [&](Routine& routine) {
    requireReflectors(routine, side, trans, m, n, k, lda);
    requireGeneral(routine, m, n, ldc);
    emulator::wanted(size, "size") = workspace(m, n);
  });
}

ENTRY ROUTINE(ormqr)(Handle handle, int side, int trans, int m, int n, int k, Address a, int lda, Address tau, Address c, int ldc,
    Address work, int lwork, Address info) {
  return run(NAME(ormqr), handle, [&](Routine& routine) {
    requireReflectors(routine, side, trans, m, n, k, lda);
    auto reflectors = routine.matrix<REAL>(a, side == 0 ? m : n, k, lda);
    auto factors = routine.span<REAL>(tau, k);
    auto matrix = routine.matrix<REAL>(c, m, n, ldc);
    routine.solve<REAL>(matrix, work, lwork, workspace(m, n), info, [=](int* code) {
      char from = side == 0 ? 'L' : 'R';
      char operation = lapackOperation(trans);
      Workspace<REAL> own(std::max(m, n));
      lapack<REAL>("ormqr", &from, &operation, &m, &n, &k, reflectors.get(), &lda, factors.get(), matrix.get(), &ldc, own.data(),
          own.size(), code, ONE, ONE);
    });
  });
}

// --- the singular value decomposition, of matrices with at least as many rows as columns
ENTRY ROUTINE(gesvd_bufferSize)(Handle handle, int m, int n, int* size) {
  return run(NAME(gesvd_bufferSize), handle, [&](Routine& routine) {
    routine.requireSizes(m, n);
    routine.require(m >= n, "fewer rows than columns");
    emulator::wanted(size, "size") = workspace(m, n);
  });
}

ENTRY ROUTINE(gesvd)(Handle handle, signed char jobu, signed char jobvt, int m, int n, Address a, int lda, Address s, Address u, int ldu,
    Address vt, int ldvt, Address work, int lwork, Address, Address info) {
  return run(NAME(gesvd), handle, [&](Routine& routine) {
    requireGeneral(routine, m, n, lda);
    routine.require(m >= n, "fewer rows than columns");
    requireJobs(routine, jobu, jobvt);
    auto matrix = routine.matrix<REAL>(a, m, n, lda);
    auto values = routine.span<REAL>(s, n);
    auto left = jobu == 'A' || jobu == 'S' ? routine.matrix<REAL>(u, m, jobu == 'A' ? m : n, ldu) : routine.span<REAL>(0, 0);
    auto right = jobvt == 'A' || jobvt == 'S' ? routine.matrix<REAL>(vt, n, n, ldvt) : routine.span<REAL>(0, 0);
    routine.solve<REAL>(matrix, work, lwork, workspace(m, n), info, [=](int* code) {
      Workspace<REAL> own(5L * m + n);
      int leadingU = std::max(1, ldu);
      int leadingVt = std::max(1, ldvt);
      lapack<REAL>("gesvd", &jobu, &jobvt, &m, &n, matrix.get(), &lda, values.get(), left.get(), &leadingU, right.get(), &leadingVt,
          own.data(), own.size(), code, ONE, ONE);
    });
  });
}

// --- Cholesky
ENTRY ROUTINE(potrf_bufferSize)(Handle handle, int uplo, int n, Address, int lda, int* size) {
  return run(NAME(potrf_bufferSize), handle, [&](Routine& routine) {
    requireSymmetric(routine, uplo, n, lda);
    emulator::wanted(size, "size") = workspace(n, n);
  });
}

ENTRY ROUTINE(potrf)(Handle handle, int uplo, int n, Address a, int lda, Address work, int lwork, Address info) {
  return run(NAME(potrf), handle, [&](Routine& routine) {
    requireSymmetric(routine, uplo, n, lda);
    auto matrix = routine.matrix<REAL>(a, n, n, lda);
    routine.solve<REAL>(matrix, work, lwork, workspace(n, n), info, [=](int* code) {
      char fill = lapackFill(uplo);
      lapack<REAL>("potrf", &fill, &n, matrix.get(), &lda, code, ONE);
    });
  });
}

ENTRY ROUTINE(potrs)(Handle handle, int uplo, int n, int columns, Address a, int lda, Address b, int ldb, Address info) {
  return run(NAME(potrs), handle, [&](Routine& routine) {
    requireSymmetric(routine, uplo, n, lda);
    routine.requireSizes(n, columns);
    auto factor = routine.matrix<REAL>(a, n, n, lda);
    auto both = routine.matrix<REAL>(b, n, columns, ldb);
    routine.solve<REAL>(both, 0, 0, 0, info, [=](int* code) {
      char fill = lapackFill(uplo);
      lapack<REAL>("potrs", &fill, &n, &columns, factor.get(), &lda, both.get(), &ldb, code, ONE);
    });
  });
}
