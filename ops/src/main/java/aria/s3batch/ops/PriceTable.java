package aria.s3batch.ops;

import aria.s3batch.daemon.SettingsException;
import aria.s3batch.daemon.api.PlanDocument;
import aria.s3batch.format.OptionFile;

import java.io.IOException;
import java.math.BigDecimal;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What an object store charges, as group {@code [aria_s3_batch]} of the option files says, in whatever currency:
 * nobody's list price holds for long, or for everybody, so none is built in. Deletions are free everywhere.
 *
 * @param put {@code price-put}: a thousand PUT or LIST
 * @param get {@code price-get}: a thousand GET or HEAD
 * @param gib {@code price-gb}: a GiB that is read from the bucket; nobody charges for what is written
 */
record PriceTable(double put, double get, double gib) {
    private static final Set<String> GROUP = Set.of("aria_s3_batch");
    private static final String PUT = "price-put";
    private static final String GET = "price-get";
    private static final String GIB = "price-gb";
    private static final List<String> OPTIONS = List.of(PUT, GET, GIB);
    private static final Pattern PRICE = Pattern.compile("[0-9]{1,9}(\\.[0-9]{1,12})?");

    /**
     * What the option files say; empty where no price is in them, or where they are closed to this user, which
     * is said: a plan without its cost is worth more than none.
     *
     * @throws ProblemException a price is none
     */
    static Optional<PriceTable> of(SettingsOptions settings, Output output)
            throws ProblemException {
        List<OptionFile.Option> options;
        try {
            options =
                    settings.files().read(GROUP).stream()
                            .filter(option -> option.name().startsWith("price-"))
                            .toList();
            double[] prices = new double[OPTIONS.size()];
            for (OptionFile.Option option : options) {
                int which = OPTIONS.indexOf(option.name());
                if (which >= 0) {
                    prices[which] = price(option);
                } else if (!option.loose()) {
                    throw new SettingsException(
                            "%s: unknown option '%s'; prices are %s"
                                    .formatted(
                                            option.place(),
                                            option.name(),
                                            String.join(", ", OPTIONS)));
                }
            }
            return options.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new PriceTable(prices[0], prices[1], prices[2]));
        } catch (SettingsException e) {
            throw ProblemException.usage(e.getMessage());
        } catch (IOException e) {
            output.say("aria_s3_batch: no cost is shown: " + IoFailure.inWords(e));
            return Optional.empty();
        }
    }

    private static double price(OptionFile.Option option) throws SettingsException {
        String value = option.value();
        if (value == null || !PRICE.matcher(value).matches()) {
            throw new SettingsException(
                    "%s: %s is '%s'; allowed is a number such as 0.005"
                            .formatted(option.place(), option.name(), value));
        }
        return new BigDecimal(value).doubleValue();
    }

    /** What commit would cost. */
    double of(PlanDocument plan) {
        return requests(plan.puts(), plan.gets() + plan.heads())
                + plan.bytesDown() / (double) (1L << 30) * gib;
    }

    /** What a copy of the batch in the bucket costs besides. */
    double of(PlanDocument.CopyPlan copy) {
        return requests(copy.puts() + copy.lists(), 0);
    }

    /** What keep-undo costs besides: a COPY is charged as a PUT is. */
    double of(PlanDocument.UndoPlan undo) {
        return requests(undo.copies() + undo.puts(), undo.heads());
    }

    private double requests(long puts, long gets) {
        return puts / 1000.0 * put + gets / 1000.0 * get;
    }
}
