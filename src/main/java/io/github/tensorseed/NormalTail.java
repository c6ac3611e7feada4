package io.github.tensorseed;
final class NormalTail { private NormalTail() {}
  static double upper(double x) { return x; }
  static double between(double a, double b) { return b - a; }
}
