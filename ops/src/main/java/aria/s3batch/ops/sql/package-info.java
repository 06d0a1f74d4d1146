/**
 * A running MariaDB, as a client of it sees it: everything of {@code sql} and {@code shell} that needs no
 * daemon. {@link ServerLogin} says where the server is and who asks, {@link ServerSession} is a connection
 * over its Unix socket, {@link WorkDatabase} the database over whose directory a batch is mounted. {@link
 * StatementReader} cuts a text into statements, {@link ServerSession#run} sends one, {@link ResultView}
 * shows what came back, in one of three forms.
 *
 * <p>What fails in the server is an {@link java.sql.SQLException}; {@link SqlWords} has the words for it.
 */
@NullMarked
package aria.s3batch.ops.sql;

import org.jspecify.annotations.NullMarked;
