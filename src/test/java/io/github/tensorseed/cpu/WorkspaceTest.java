package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DeviceMemoryException;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class WorkspaceTest {
  private final Workspace workspace = new Workspace();

  private MemorySegment lent(long bytes) {
    MemorySegment[] lent = {MemorySegment.NULL};
    workspace.lend(bytes, memory -> lent[0] = memory);
    return lent[0];
  }

  @Test
  void littleStaysForTheNext() {
    MemorySegment first = lent(2 << 20);
    assertThat(lent(1 << 20)).isEqualTo(first);
    assertThat(lent(3 << 20).byteSize()).isEqualTo(3 << 20);
    assertThat(first.scope().isAlive()).isFalse();
  }

  @Test
  void muchIsFreed() {
    assertThat(lent((256L << 20) + 1).scope().isAlive()).isFalse();
    assertThat(lent(8).scope().isAlive()).isTrue();
  }

  @Test
  void freedAtTheEnd() {
    MemorySegment lent = lent(2 << 20);
    workspace.close();
    workspace.close();
    assertThat(lent.scope().isAlive()).isFalse();
  }

  @Test
  void moreThanThereIs() {
    assertThatThrownBy(() -> lent(1L << 60)).isInstanceOf(DeviceMemoryException.class);
    assertThat(lent(64).address() % 64).isZero();
  }
}
