package aria.s3batch.recovery;

import aria.s3batch.diskcache.TableCache;
import aria.s3batch.s3block.BaseTable;

/** A table of an open batch: what it was, and what was staged over it. */
public record OpenTable(BaseTable base, BaseReader reader, TableCache cache) {}
