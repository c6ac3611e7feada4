package io.github.tensorseed;

/// Says what the first values of a tensor are. A lambda is one:
///
/// ```java
/// Initializer half = (tensor, stream) -> new Distribution.Constant(0.5).fill(tensor, stream);
/// ```
///
/// The text form of an initializer is its `toString()`; [Expression#parse] reads it back. [#named] gives a lambda one.
@FunctionalInterface
public interface Initializer {

  /// Fills the slice that `tensor` holds with what the whole logical tensor has there.
  ///
  /// @param stream the tensor's own stream, see [RandomStream#named]
  /// @throws IllegalArgumentException if this initializer has no values for the shape or dtype; nothing is written then
  void fill(Tensor tensor, RandomStream stream);

  /// This initializer with everything worked out that depends on the shape of the logical tensor, as fans do.
  ///
  /// @throws IllegalArgumentException if it has no values for the shape
  default Initializer resolve(Shape whole) {
    return this;
  }

  /// Checks, as far as that can be known before filling, that `dtype` holds what this initializer gives once it is resolved.
  ///
  /// @throws IllegalArgumentException with the parameter and the rule it breaks
  default void check(DType dtype) {}

  /// Whether the values come through BLAS or LAPACK, see [LinearAlgebra]. They come all at once, so that any slice costs as much as the
  /// whole tensor: who needs it piece by piece fills all of it first. And they are outside the promise of one seed: another library,
  /// machine or number of threads gives other last bits.
  default boolean byLinearAlgebra() {
    return false;
  }

  /// Fills a tensor of a checkpoint: [#fill(Tensor, RandomStream)] on the stream of its name. An initializer whose values depend on what
  /// other tensors of the checkpoint get needs this one.
  ///
  /// @param seed the stream of the checkpoint
  /// @param name of the tensor
  /// @throws IllegalArgumentException as that
  default void fill(Tensor tensor, RandomStream seed, String name) {
    fill(tensor, seed.named(name));
  }

  /// `initializer` under a text form of its own.
  static Initializer named(String text, Initializer initializer) {
    record Named(String text, Initializer initializer) implements Initializer {
      @Override
      public void fill(Tensor tensor, RandomStream stream) {
        initializer.fill(tensor, stream);
      }

      @Override
      public void check(DType dtype) {
        initializer.check(dtype);
      }

      @Override
      public void fill(Tensor tensor, RandomStream seed, String name) {
        initializer.fill(tensor, seed, name);
      }

      @Override
      public boolean byLinearAlgebra() {
        return initializer.byLinearAlgebra();
      }

      @Override
      public String toString() {
        return text;
      }
    }
    return new Named(text, initializer);
  }
}
