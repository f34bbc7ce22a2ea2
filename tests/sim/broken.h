#pragma once
/* Servers that break their promise on purpose, for the proof that the verifier notices: the program sim_broken is linked with
 * wrappers around a few functions of the server (broken.c, CMakeLists.txt). The program sim has none of them. */
#include "runtime/base.h"

/* False: no such. "" = whole again. */
bool broken_server(const char *name);
