// The routines of single precision.
#include "routines.h"
#define REAL float
#define ROUTINE(name) cublasS##name
#include "level1.h"
#include "level3.h"
