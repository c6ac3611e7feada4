package io.github.tensorseed.model;

import java.io.InputStream;

/// The tables and recipes that are part of the library.
final class Resources {
  private Resources() {}

  static InputStream open(String name) {
    InputStream in = Resources.class.getResourceAsStream("/io/github/tensorseed/" + name);
    if (in == null) {
      throw new IllegalStateException("the library is incomplete: it lacks " + name);
    }
    return in;
  }
}
