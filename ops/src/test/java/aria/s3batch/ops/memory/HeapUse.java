package aria.s3batch.ops.memory;

import com.sun.tools.attach.AttachNotSupportedException;
import com.sun.tools.attach.VirtualMachine;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.StringJoiner;

import javax.management.MBeanServerConnection;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** What a JVM beside this one has used so far, asked through the attach interface. */
final class HeapUse {
    private HeapUse() {}

    /** Peak of each heap pool, and of the process in memory (VmHWM), in words. */
    @SuppressWarnings("BanJNDI") // the address is that of our own child, on the loopback interface
    static String of(long pid) throws IOException {
        var words = new StringJoiner(", ");
        VirtualMachine machine;
        try {
            machine = VirtualMachine.attach(Long.toString(pid));
        } catch (AttachNotSupportedException e) {
            throw new IOException(e);
        }
        try (JMXConnector connector =
                JMXConnectorFactory.connect(
                        new JMXServiceURL(machine.startLocalManagementAgent()))) {
            MBeanServerConnection beans = connector.getMBeanServerConnection();
            for (MemoryPoolMXBean pool :
                    ManagementFactory.getPlatformMXBeans(beans, MemoryPoolMXBean.class)) {
                if (pool.getType() == MemoryType.HEAP) {
                    words.add(
                            "%s peak %d of %d MiB"
                                    .formatted(
                                            pool.getName(),
                                            pool.getPeakUsage().getUsed() >> 20,
                                            pool.getUsage().getMax() >> 20));
                }
            }
            words.add(
                    "heap limit %d MiB"
                            .formatted(
                                    ManagementFactory.getPlatformMXBean(
                                                            beans,
                                                            java.lang.management.MemoryMXBean.class)
                                                    .getHeapMemoryUsage()
                                                    .getMax()
                                            >> 20));
        } finally {
            machine.detach();
        }
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
            if (line.startsWith("VmHWM:")) {
                words.add(line.replaceAll("\\s+", " "));
            }
        }
        return words.toString();
    }
}
