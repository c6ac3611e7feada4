package io.github.tensorseed.checkpoint;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/// Takes the packs of a file from several threads, in any order.
sealed interface PackSink {
  /// Writes all of `bytes`, which begins at 0, to where it belongs.
  void write(ByteBuffer bytes, long position) throws IOException;

  /// Sets the disk to work, and tells of its errors.
  default void flush() throws IOException {}

  /// A pack could not be filled, and will not come.
  default void abandon() {}

  /// Writes each pack to its place at once.
  final class Places implements PackSink {
    private final FileChannel file;
    /// The system lets one thread write to a file at a time, and others spin meanwhile, at the expense of those that fill.
    private final Lock writing = new ReentrantLock();

    Places(FileChannel file) {
      this.file = file;
    }

    @Override
    public void write(ByteBuffer bytes, long position) throws IOException {
      writing.lock();
      try {
        while (bytes.hasRemaining()) {
          file.write(bytes, position + bytes.position());
        }
      } finally {
        writing.unlock();
      }
    }

    @Override
    public void flush() throws IOException {
      file.force(false);
    }
  }

  /// Writes one pack behind the other; each waits for its turn.
  final class Turns implements PackSink {
    private final OutputStream stream;
    private final Lock lock = new ReentrantLock();
    private final Condition turn = lock.newCondition();
    private final byte[] copy = new byte[ChunkWriter.CHUNK];
    private long next;
    private boolean abandoned;

    /// @param position of the first pack, where the stream is now
    Turns(OutputStream stream, long position) {
      this.stream = stream;
      next = position;
    }

    @Override
    public void write(ByteBuffer bytes, long position) throws IOException {
      lock.lock();
      try {
        while (next != position && !abandoned) {
          turn.awaitUninterruptibly();
        }
        if (!abandoned) {
          int count = bytes.remaining();
          bytes.get(copy, 0, count);
          stream.write(copy, 0, count);
          next += count;
          turn.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void abandon() {
      lock.lock();
      try {
        abandoned = true;
        turn.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }
}
