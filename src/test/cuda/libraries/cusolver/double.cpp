// The dense routines of double precision.
#include "dense_common.h"
#define REAL double
#define ROUTINE(name) cusolverDnD##name
#include "dense.h"
