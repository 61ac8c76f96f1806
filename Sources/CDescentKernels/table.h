// The table of this instruction set; included last.
#define FILL(result, loop, parameters) .loop = k_##loop,
const descent_kernels TABLE = {.name = TABLE_NAME, DESCENT_KERNELS(FILL)};
#undef FILL
