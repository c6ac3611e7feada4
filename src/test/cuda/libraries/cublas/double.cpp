// The routines of double precision.
#include "routines.h"
#define REAL double
#define ROUTINE(name) cublasD##name
#include "level1.h"
#include "level3.h"
