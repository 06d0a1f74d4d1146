/**
 * What a page or a block costs in the processor, by JMH: one class a subject. {@link
 * aria.s3batch.diskcache.PageIndexBench} lies beside its subject.
 */
@NullMarked
package aria.s3batch.bench.micro;

import org.jspecify.annotations.NullMarked;
