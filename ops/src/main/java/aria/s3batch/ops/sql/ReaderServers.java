package aria.s3batch.ops.sql;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.FenceWait;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * The servers that read tables which are changed here. {@code FLUSH TABLES t} returns, on each, when no
 * statement has t open that had opened it before; behind a fence nobody opens it anew. That needs the RELOAD
 * privilege, and goes into no binary log.
 *
 * <p>A server that gives no answer may run statements all the same: nothing is known then, and the whole of
 * {@code fence-wait} is waited for. A warning in the log says so.
 */
public final class ReaderServers implements FenceWait.Servers {
    private static final Logger log = LoggerFactory.getLogger(ReaderServers.class);
    private static final int CONNECT_MILLIS = 2_000;
    private static final int STOP_MILLIS = 100;
    private static final int STATEMENT_TIMEOUT = 1969;

    /** FLUSH TABLES does not mind that there is none. */
    private static final String FLUSH_NOTHING =
            "FLUSH LOCAL TABLES `aria_s3_batch`.`no such table`";

    private final DaemonSettings.FenceServers servers;
    private final String systemUser;

    private ReaderServers(DaemonSettings.FenceServers servers, String systemUser) {
        this.servers = servers;
        this.systemUser = systemUser;
    }

    public static ReaderServers of(DaemonSettings settings) {
        return new ReaderServers(settings.fenceServers(), System.getProperty("user.name", "root"));
    }

    /**
     * Asks each as a fence would, about a table that nobody has.
     *
     * @return by address what keeps it from answering; empty if nothing does
     */
    public Map<String, Optional<String>> ask() {
        Map<String, Optional<String>> answers = new LinkedHashMap<>();
        for (String address : servers.addresses()) {
            Optional<String> problem = Optional.empty();
            try {
                hasEnded(address, FLUSH_NOTHING, Duration.ofMillis(CONNECT_MILLIS));
            } catch (SQLException e) {
                problem =
                        Optional.of(
                                SqlWords.isDisconnected(e)
                                        ? "no answer (" + SqlWords.cause(e) + ")"
                                        : SqlWords.message(e));
            }
            answers.put(address, problem);
        }
        return answers;
    }

    @Override
    public FenceWait.Ended await(
            Collection<TableName> tables, Duration atMost, BooleanSupplier stop) {
        long began = System.nanoTime();
        boolean all = !servers.addresses().isEmpty() && atMost.isPositive();
        if (all) {
            String flush = flush(tables);
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
                var asked = new ArrayList<Future<Boolean>>();
                for (String address : servers.addresses()) {
                    asked.add(threads.submit(() -> hasEnded(address, flush, atMost)));
                }
                long deadline = began + atMost.toNanos();
                for (int i = 0; i < asked.size(); i++) {
                    all &= answer(servers.addresses().get(i), asked.get(i), deadline, stop);
                }
            }
        }
        return new FenceWait.Ended(all, Duration.ofNanos(System.nanoTime() - began));
    }

    private static String flush(Collection<TableName> tables) {
        return tables.stream()
                .map(table -> quoted(table.sqlDatabase()) + "." + quoted(table.sqlTable()))
                .collect(Collectors.joining(", ", "FLUSH LOCAL TABLES ", ""));
    }

    /** A server that does not answer in time is left: its connection is closed. */
    private static boolean answer(
            String address, Future<Boolean> asked, long deadline, BooleanSupplier stop) {
        while (!stop.getAsBoolean() && System.nanoTime() - deadline < 0) {
            try {
                return asked.get(STOP_MILLIS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException notYet) { // so that a stop is seen
            } catch (ExecutionException e) {
                Throwable cause = e.getCause() == null ? e : e.getCause();
                log.atWarn()
                        .addKeyValue("server", address)
                        .addKeyValue("answer", cause.getMessage())
                        .log("a server of fence-servers cannot be asked: fence-wait is waited for");
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        asked.cancel(true);
        if (!stop.getAsBoolean()) {
            log.atWarn()
                    .addKeyValue("server", address)
                    .log("statements may still read a table whose fence is up; fence-wait is over");
        }
        return false;
    }

    private boolean hasEnded(String address, String flush, Duration atMost) throws SQLException {
        try (Connection connection = connect(address);
                Statement statement = connection.createStatement()) {
            String seconds = "%d.%03d".formatted(atMost.toSeconds(), atMost.toMillisPart());
            statement.execute("SET SESSION max_statement_time = " + seconds);
            statement.execute(flush);
            return true;
        } catch (SQLException e) {
            if (e.getErrorCode() == STATEMENT_TIMEOUT) {
                return false;
            }
            throw e;
        }
    }

    private Connection connect(String address) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", servers.user().isEmpty() ? systemUser : servers.user());
        if (!servers.password().isEmpty()) {
            properties.setProperty("password", servers.password());
        }
        properties.setProperty("connectTimeout", Integer.toString(CONNECT_MILLIS));
        properties.setProperty("connectionAttributes", "program_name:aria_s3_batchd");
        String host = address;
        if (address.startsWith("/")) {
            properties.setProperty("socketFactory", UnixSocketFactory.class.getName());
            properties.setProperty(UnixSocketFactory.PATH_PROPERTY, address);
            host = "localhost";
        }
        return DriverManager.getConnection("jdbc:mariadb://" + host + "/", properties);
    }

    private static String quoted(String name) {
        return "`" + name.replace("`", "``") + "`";
    }
}
