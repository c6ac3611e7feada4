package io.github.tensorseed.adapter;

import io.github.tensorseed.Initializer;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.VarianceScaling.Mode;
import java.util.OptionalInt;

/// How an adapter begins: a \[r, in\] and b \[out, r\], of which the layer adds scale b a to its weight \[out, in\].
public sealed interface Method {

  /// a is random and b is zero, so that the weight stays as it is.
  ///
  /// - Source: E. Hu et al., arXiv 2106.09685.
  ///
  /// @param gaussian a is N(0, 1/r^2), else uniform within 1 / sqrt(in), which is PyTorch's `kaiming_uniform_(a=sqrt(5))`
  record Lora(boolean gaussian) implements Method {
    Initializer a(int rank) {
      return gaussian ? Initializers.normal(0, 1.0 / rank) : Initializers.uniformFan(Mode.IN);
    }
  }

  /// scale b a is what the r largest singular values give of the weight, and the weight keeps the rest: with U S V^T of those,
  /// b = U sqrt(S / scale) and a = sqrt(S / scale) V^T.
  ///
  /// - Precision: exactly, in F64, or by a randomised decomposition in F32 (of F64 weights in F64), see [#iterations(long, int)].
  /// - Source: F. Meng et al., arXiv 2404.02948; N. Halko et al., arXiv 0909.4061.
  ///
  /// @param asked power iterations of the randomised decomposition, as in PEFT's `pissa_niter_4`; empty leaves it to the size
  record Pissa(OptionalInt asked) implements Method {
    /// The largest smaller extent that is decomposed exactly.
    static final int EXACT = 4096;

    private static final int BY_SIZE = 4;

    public Pissa {
      if (asked.isPresent() && (asked.getAsInt() < 0 || asked.getAsInt() > 100)) {
        throw new IllegalArgumentException(asked.getAsInt() + " power iterations: give 0 to 100");
      }
    }

    /// Power iterations for a matrix: what was asked for; else 4 if its smaller extent is above 4096 and more than eight times the rank;
    /// else empty, which is the exact decomposition.
    OptionalInt iterations(long smaller, int rank) {
      return asked.isPresent() || smaller <= EXACT || smaller <= 8L * rank ? asked : OptionalInt.of(BY_SIZE);
    }
  }

  /// b is the first r columns of Q, and a the first r rows of R, where the weight is Q R and the diagonal of R is not negative. The weight
  /// keeps what scale b a leaves.
  ///
  /// - Precision: in F32, of F64 weights in F64.
  /// - Source: K. Büyükakyüz, arXiv 2406.01775.
  record Olora() implements Method {}
}
