// BLAS 1 and 2 for numbers of type REAL, whose entry points are called ROUTINE(name). Included once for each type.

ENTRY ROUTINE(axpy_v2)(Handle handle, int n, const REAL* alpha, Address x, int incx, Address y, int incy) {
  return run(NAME(axpy_v2), handle, [&](Routine& routine) {
    auto factor = routine.scalar(alpha);
    auto from = routine.vector<REAL>(x, n, incx);
    auto to = routine.vector<REAL>(y, n, incy);
    routine.submit([=] { blas<REAL>("axpy", n, factor.get(), from.get(), incx, to.get(), incy); });
  });
}

ENTRY ROUTINE(scal_v2)(Handle handle, int n, const REAL* alpha, Address x, int incx) {
  return run(NAME(scal_v2), handle, [&](Routine& routine) {
    auto factor = routine.scalar(alpha);
    auto scaled = routine.vector<REAL>(x, n, incx);
    routine.submit([=] { blas<REAL>("scal", n, factor.get(), scaled.get(), incx); });
  });
}

ENTRY ROUTINE(copy_v2)(Handle handle, int n, Address x, int incx, Address y, int incy) {
  return run(NAME(copy_v2), handle, [&](Routine& routine) {
    auto from = routine.vector<REAL>(x, n, incx);
    auto to = routine.vector<REAL>(y, n, incy);
    routine.submit([=] { blas<REAL>("copy", n, from.get(), incx, to.get(), incy); });
  });
}

ENTRY ROUTINE(dot_v2)(Handle handle, int n, Address x, int incx, Address y, int incy, REAL* result) {
  return run(NAME(dot_v2), handle, [&](Routine& routine) {
    auto left = routine.vector<REAL>(x, n, incx);
    auto right = routine.vector<REAL>(y, n, incy);
    routine.result<REAL>(result, [=] { return blasResult<REAL>("dot", n, left.get(), incx, right.get(), incy); });
  });
}

ENTRY ROUTINE(nrm2_v2)(Handle handle, int n, Address x, int incx, REAL* result) {
  return run(NAME(nrm2_v2), handle, [&](Routine& routine) {
    auto of = routine.vector<REAL>(x, n, incx);
    routine.result<REAL>(result, [=] { return blasResult<REAL>("nrm2", n, of.get(), incx); });
  });
}

ENTRY ROUTINE(gemv_v2)(Handle handle, int trans, int m, int n, const REAL* alpha, Address a, int lda, Address x, int incx,
    const REAL* beta, Address y, int incy) {
  return run(NAME(gemv_v2), handle, [&](Routine& routine) {
    routine.requireOperation(trans);
    routine.requireSizes(m, n);
    auto factor = routine.scalar(alpha);
    auto kept = routine.scalar(beta);
    auto matrix = routine.matrix<REAL>(a, m, n, lda);
    auto from = routine.vector<REAL>(x, trans == 0 ? n : m, incx);
    auto to = routine.vector<REAL>(y, trans == 0 ? m : n, incy);
    routine.require(!to.overlaps(matrix) && !to.overlaps(from), "y overlaps A or x, which leaves it undefined");
    routine.submit([=] {
      blas<REAL>("gemv", COLUMN_MAJOR, cblasOperation(trans), m, n, factor.get(), matrix.get(), lda, from.get(), incx, kept.get(), to.get(),
          incy);
    });
  });
}

ENTRY ROUTINE(ger_v2)(Handle handle, int m, int n, const REAL* alpha, Address x, int incx, Address y, int incy, Address a, int lda) {
  return run(NAME(ger_v2), handle, [&](Routine& routine) {
    routine.requireSizes(m, n);
    auto factor = routine.scalar(alpha);
    auto column = routine.vector<REAL>(x, m, incx);
    auto row = routine.vector<REAL>(y, n, incy);
    auto matrix = routine.matrix<REAL>(a, m, n, lda);
    routine.submit([=] {
      blas<REAL>("ger", COLUMN_MAJOR, m, n, factor.get(), column.get(), incx, row.get(), incy, matrix.get(), lda);
    });
  });
}
