package io.github.tensorseed.cpu;
final class Laws { private Laws() {}
  static float uniform(int w) { return (float) Integer.toUnsignedLong(w) * 0x1p-32f + 0x1p-33f; }
  static float angle(int w) { return (float) Integer.toUnsignedLong(w) * 0x1.921fb6p-30f + 0x1.921fb6p-31f; }
  static float radius(float u) { return (float) Math.sqrt(-2 * StrictMath.log(u)); }
  static float sin(float v) { return (float) StrictMath.sin(v); }
  static float cos(float v) { return (float) StrictMath.cos(v); }
  static float exp(float v) { return (float) StrictMath.exp(v); }
  static float upperQuantile(float p) { return p; }
  static long bits53(int x, int y) { return Integer.toUnsignedLong(x) ^ Integer.toUnsignedLong(y) << 21; }
  static double unit64(long bits) { return bits * 0x1p-53 + 0x1p-54; }
  static double angle64(double t) { return 2 * Math.PI * t; }
  static double radius64(double u) { return Math.sqrt(-2 * StrictMath.log(u)); }
  static double sin64(double v) { return StrictMath.sin(v); }
  static double cos64(double v) { return StrictMath.cos(v); }
  static double exp64(double v) { return StrictMath.exp(v); }
  static double upperQuantile64(double p) { return p; }
}
