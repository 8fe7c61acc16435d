// The code that is compiled once for each instruction set, inside that set's namespace and after its `Simd`.

#include "simd/quants.h"
#include "simd/scales.h"
#include "simd/activations.h"
#include "simd/product.h"
#include "simd/attention.h"
#include "simd/float_product.h"
#include "formats/blocks.h"
#include "formats/q4_0.h"
#include "formats/q4_1.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"
#include "formats/q8_0.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"
#include "formats/q4_k.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"
#include "formats/iq4_nl.h"
#include "formats/iq4_xs.h"
#include "formats/mxfp4.h"
#include "formats/f16.h"

static const FormatKernels formats[] = {
    kernelsOf<Q4_0>(), kernelsOf<Q4_1>(), kernelsOf<Q5_0>(), kernelsOf<Q5_1>(), kernelsOf<Q8_0>(), kernelsOf<Q2_K>(), kernelsOf<Q3_K>(),
    kernelsOf<Q4_K>(), kernelsOf<Q5_K>(), kernelsOf<Q6_K>(), kernelsOf<IQ4_NL>(), kernelsOf<IQ4_XS>(), kernelsOf<MXFP4>(),
    floatKernelsOf<F16>(), floatKernelsOf<BF16>(),
};

extern const KernelTable table;
const KernelTable table = {formats, sizeof formats / sizeof *formats, &attentionKernels};
