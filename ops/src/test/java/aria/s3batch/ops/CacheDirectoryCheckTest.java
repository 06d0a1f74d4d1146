package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.List;

class CacheDirectoryCheckTest {
    @Test
    void holderIsTheProcessThatHasALockOfTheFile() {
        List<String> locks =
                List.of(
                        "1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF",
                        "2: POSIX  ADVISORY  WRITE 815 08:01:132 0 EOF",
                        "2: -> POSIX  ADVISORY  WRITE 816 08:01:133 0 EOF",
                        "");
        assertThat(CacheDirectoryCheck.holder(locks, 132)).isEqualTo("815");
        assertThat(CacheDirectoryCheck.holder(locks, 32)).isNull();
        assertThat(CacheDirectoryCheck.holder(locks, 133)).isNull(); // it waits
    }
}
