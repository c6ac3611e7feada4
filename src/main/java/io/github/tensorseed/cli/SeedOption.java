package io.github.tensorseed.cli;

import picocli.CommandLine.Option;

/// The seed of all that is random.
public final class SeedOption {
  @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
      description = "64 bits: decimal from -2^63 to 2^64 - 1, or hexadecimal behind 0x. Default: ${DEFAULT-VALUE}.")
  String seed = "0";

  /// Its 64 bits.
  ///
  /// @throws IllegalArgumentException if it is no such number
  public long key() {
    return Units.seed(seed);
  }
}
