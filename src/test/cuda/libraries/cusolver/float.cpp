// The dense routines of single precision.
#include "dense_common.h"
#define REAL float
#define ROUTINE(name) cusolverDnS##name
#include "dense.h"
