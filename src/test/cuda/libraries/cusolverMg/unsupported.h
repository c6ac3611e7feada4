// To renew: nm -D --undefined-only libJCusolver-11.7.0-linux-x86_64.so, without what the other files define.
STUB(cusolverMgCreate) STUB(cusolverMgCreateDeviceGrid) STUB(cusolverMgCreateMatrixDesc) STUB(cusolverMgDestroy) STUB(cusolverMgDestroyGrid)
STUB(cusolverMgDestroyMatrixDesc) STUB(cusolverMgDeviceSelect) STUB(cusolverMgGetrf) STUB(cusolverMgGetrf_bufferSize) STUB(cusolverMgGetrs)
STUB(cusolverMgGetrs_bufferSize) STUB(cusolverMgPotrf) STUB(cusolverMgPotrf_bufferSize) STUB(cusolverMgPotri)
STUB(cusolverMgPotri_bufferSize) STUB(cusolverMgPotrs) STUB(cusolverMgPotrs_bufferSize) STUB(cusolverMgSyevd)
STUB(cusolverMgSyevd_bufferSize)
