// BLAS 3, and cuBLAS's own routines on matrices, for numbers of type REAL, whose entry points are called ROUTINE(name). Included once for
// each type.

ENTRY ROUTINE(gemmStridedBatched)(Handle handle, int transa, int transb, int m, int n, int k, const REAL* alpha, Address a, int lda,
    long long stridea, Address b, int ldb, long long strideb, const REAL* beta, Address c, int ldc, long long stridec, int count) {
  return run(NAME(gemmStridedBatched), handle, [&](Routine& routine) {
    gemm(routine, transa, transb, m, n, k, alpha, {a, lda, stridea}, {b, ldb, strideb}, beta, {c, ldc, stridec}, count);
  });
}

ENTRY ROUTINE(gemm_v2)(Handle handle, int transa, int transb, int m, int n, int k, const REAL* alpha, Address a, int lda, Address b,
    int ldb, const REAL* beta, Address c, int ldc) {
  return run(NAME(gemm_v2), handle,
      [&](Routine& routine) { gemm(routine, transa, transb, m, n, k, alpha, {a, lda, 0}, {b, ldb, 0}, beta, {c, ldc, 0}, 1); });
}

ENTRY ROUTINE(syrk_v2)(Handle handle, int uplo, int trans, int n, int k, const REAL* alpha, Address a, int lda, const REAL* beta, Address c,
    int ldc) {
  return run(NAME(syrk_v2), handle, [&](Routine& routine) {
    routine.requireBinary(uplo);
    routine.requireOperation(trans);
    routine.requireSizes(n, k);
    auto factor = routine.scalar(alpha);
    auto kept = routine.scalar(beta);
    auto in = routine.matrix<REAL>(a, trans == 0 ? n : k, trans == 0 ? k : n, lda);
    auto out = routine.matrix<REAL>(c, n, n, ldc);
    routine.require(!out.overlaps(in), "C overlaps A, which leaves it undefined");
    routine.submit([=] {
      blas<REAL>("syrk", COLUMN_MAJOR, cblasFill(uplo), cblasOperation(trans), n, k, factor.get(), in.get(), lda, kept.get(), out.get(),
          ldc);
    });
  });
}

ENTRY ROUTINE(symm_v2)(Handle handle, int side, int uplo, int m, int n, const REAL* alpha, Address a, int lda, Address b, int ldb,
    const REAL* beta, Address c, int ldc) {
  return run(NAME(symm_v2), handle, [&](Routine& routine) {
    routine.requireBinary(side);
    routine.requireBinary(uplo);
    routine.requireSizes(m, n);
    auto factor = routine.scalar(alpha);
    auto kept = routine.scalar(beta);
    int order = side == 0 ? m : n;
    auto symmetric = routine.matrix<REAL>(a, order, order, lda);
    auto general = routine.matrix<REAL>(b, m, n, ldb);
    auto out = routine.matrix<REAL>(c, m, n, ldc);
    routine.require(!out.overlaps(symmetric) && !out.overlaps(general), "C overlaps A or B, which leaves it undefined");
    routine.submit([=] {
      blas<REAL>("symm", COLUMN_MAJOR, cblasSide(side), cblasFill(uplo), m, n, factor.get(), symmetric.get(), lda, general.get(), ldb,
          kept.get(), out.get(), ldc);
    });
  });
}

ENTRY ROUTINE(trsm_v2)(Handle handle, int side, int uplo, int trans, int diagonal, int m, int n, const REAL* alpha, Address a, int lda,
    Address b, int ldb) {
  return run(NAME(trsm_v2), handle, [&](Routine& routine) {
    auto factor = routine.scalar(alpha);
    auto triangle = triangular<REAL>(routine, side, uplo, trans, diagonal, m, n, a, lda);
    auto both = routine.matrix<REAL>(b, m, n, ldb);
    routine.submit([=] {
      blas<REAL>("trsm", COLUMN_MAJOR, cblasSide(side), cblasFill(uplo), cblasOperation(trans), cblasDiagonal(diagonal), m, n, factor.get(),
          triangle.get(), lda, both.get(), ldb);
    });
  });
}

// Unlike that of BLAS, it has a place of its own for the product; in place it is B's.
ENTRY ROUTINE(trmm_v2)(Handle handle, int side, int uplo, int trans, int diagonal, int m, int n, const REAL* alpha, Address a, int lda,
    Address b, int ldb, Address c, int ldc) {
  return run(NAME(trmm_v2), handle, [&](Routine& routine) {
    auto factor = routine.scalar(alpha);
    auto triangle = triangular<REAL>(routine, side, uplo, trans, diagonal, m, n, a, lda);
    auto in = routine.matrix<REAL>(b, m, n, ldb);
    auto out = routine.matrix<REAL>(c, m, n, ldc);
    routine.require(!out.overlaps(in) || (b == c && ldb == ldc), "C overlaps B and is not B");
    routine.submit([=] {
      copyMatrix(m, n, in.get(), ldb, out.get(), ldc);
      blas<REAL>("trmm", COLUMN_MAJOR, cblasSide(side), cblasFill(uplo), cblasOperation(trans), cblasDiagonal(diagonal), m, n, factor.get(),
          triangle.get(), lda, out.get(), ldc);
    });
  });
}

// C = alpha op(A) + beta op(B). A matrix whose factor is 0 is not read.
ENTRY ROUTINE(geam)(Handle handle, int transa, int transb, int m, int n, const REAL* alpha, Address a, int lda, const REAL* beta, Address b,
    int ldb, Address c, int ldc) {
  return run(NAME(geam), handle, [&](Routine& routine) {
    routine.requireOperation(transa);
    routine.requireOperation(transb);
    routine.requireSizes(m, n);
    auto first = routine.scalar(alpha);
    auto second = routine.scalar(beta);
    auto left = operand<REAL>(routine, first, transa, m, n, a, lda);
    auto right = operand<REAL>(routine, second, transb, m, n, b, ldb);
    auto out = routine.matrix<REAL>(c, m, n, ldc);
    routine.require(!out.overlaps(left) || (a == c && lda == ldc && transa == 0), "C overlaps A and is not A");
    routine.require(!out.overlaps(right) || (b == c && ldb == ldc && transb == 0), "C overlaps B and is not B");
    routine.submit([=] {
      auto term = [](REAL factor, const REAL* values, int trans, long ld, long i, long j) {
        return factor == 0 ? 0 : factor * (trans == 0 ? values[i + j * ld] : values[j + i * ld]);
      };
      REAL one = first.get();
      REAL other = second.get();
      const REAL* ones = left.get();
      const REAL* others = right.get();
      REAL* sums = out.get();
      for (long j = 0; j < n; j++) {
        for (long i = 0; i < m; i++) {
          sums[i + j * ldc] = term(one, ones, transa, lda, i, j) + term(other, others, transb, ldb, i, j);
        }
      }
    });
  });
}

// C = A diag(x) (right) or diag(x) A (left).
ENTRY ROUTINE(dgmm)(Handle handle, int side, int m, int n, Address a, int lda, Address x, int incx, Address c, int ldc) {
  return run(NAME(dgmm), handle, [&](Routine& routine) {
    routine.requireBinary(side);
    routine.requireSizes(m, n);
    auto in = routine.matrix<REAL>(a, m, n, lda);
    int length = side == 0 ? m : n;
    auto diagonal = routine.vector<REAL>(x, length, incx);
    auto out = routine.matrix<REAL>(c, m, n, ldc);
    routine.require(!out.overlaps(in) || (a == c && lda == ldc), "C overlaps A and is not A");
    routine.submit([=] {
      const REAL* factors = diagonal.get() + (incx > 0 ? 0 : (1 - length) * incx);
      const REAL* values = in.get();
      REAL* products = out.get();
      for (long j = 0; j < n; j++) {
        for (long i = 0; i < m; i++) {
          products[i + j * ldc] = values[i + j * lda] * factors[(side == 0 ? i : j) * incx];
        }
      }
    });
  });
}
