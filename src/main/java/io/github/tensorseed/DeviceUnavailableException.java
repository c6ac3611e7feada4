package io.github.tensorseed;

/// A device cannot be used on this machine; the message says what is missing and the remedy.
public class DeviceUnavailableException extends DeviceException {
  private static final long serialVersionUID = 1;

  public DeviceUnavailableException(String message) {
    super(message);
  }

  public DeviceUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
