package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TableNameTest {
    @ParameterizedTest
    @CsvSource({
        "shop.orders, shop/orders",
        "shop/orders, shop/orders",
        "Shop_1.Orders, Shop_1/Orders",
        "my-shop.a b, my@002dshop/a@0020b",
        "a$b.x, a@0024b/x",
        "shop.t#P#p0, shop/t#P#p0",
        "shop.t#P#p0#SP#s-1, shop/t#P#p0#SP#s@002d1",
        "shop.t#1, shop/t@00231",
        "sp-ä x.Ω日本, sp@002d@0k@0020x/@7P@65e5@672c",
        "con.Lpt9, con@@@/Lpt9@@@",
        "a.p#P#con, a/p#P#con@@@",
        "a.com0, a/com0",
        "`shop`.`a.b`, shop/a@002eb",
        "shop.`a``b`, shop/a@0060b",
        "`a/b`.c, a@002fb/c",
        "shop/a@002db, shop/a@002db",
    })
    void isTakenAsSqlOrTheBucketShowsIt(String text, String path) {
        assertThat(TableName.parse(text).path()).isEqualTo(path);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "orders",
                ".",
                "shop.",
                ".orders",
                "shop/",
                "/orders",
                "a.b.c",
                "a/b/c",
                "../etc",
                "a/..",
                "a/b.c",
                "a/b c",
                "a/b@",
                "a/b@0",
                "a/b@-00",
                "a/b@00zz",
                "a/b@00C4",
                "a/b@0061",
                "a/b@@@",
                "a/con",
                "a/b#P#p#SP#s#SP#r",
                "a/b#SP#s",
                "a.a\uD83D\uDE00b",
                "a.b\0c",
                "a/#P#p0",
                "a/b#P#",
                "a/b#p",
                "`a.b",
                "`a`b",
                "``.a",
                "a.b`c`.d",
                "a#P#b/c"
            })
    void anythingElseIsRefusedWithItsText(String text) {
        assertThatThrownBy(() -> TableName.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("not a ");
    }

    @Test
    void nameLongerThanAKeyIsRefusedWithoutItsText() {
        assertThat(TableName.parse("a." + "b".repeat(900)).path()).hasSize(902);
        for (String text : new String[] {"a." + "b".repeat(10_000), "a/" + "b".repeat(10_000)}) {
            assertThatThrownBy(() -> TableName.parse(text))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "not a table: a name of 10002 characters, where S3 has room for 950");
        }
    }

    @Property
    void whatIsShownIsTakenBack(
            @ForAll @StringLength(min = 1, max = 20) String database,
            @ForAll @StringLength(min = 1, max = 20) String table) {
        String quoted = "`" + database.replace("`", "``") + "`.`" + table.replace("`", "``") + "`";
        TableName name;
        try {
            name = TableName.parse(quoted);
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageStartingWith("not a ");
            return;
        }
        assertThat(TableName.parse(name.display())).isEqualTo(name);
        assertThat(TableName.parse(name.path())).isEqualTo(name);
    }

    @Example
    void isShownAsPlainAsPossible() {
        assertThat(new TableName("a", "b@002dc").display()).isEqualTo("a.b-c");
        assertThat(new TableName("a", "b@002ec").display()).isEqualTo("`a`.`b.c`");
        assertThat(new TableName("a", "b#P#p0").display()).isEqualTo("a.b#P#p0");
        assertThat(new TableName("a", "b@0023P@0023p0").display()).isEqualTo("a/b@0023P@0023p0");
    }

    @Example
    void partitionKnowsItsTable() {
        TableName partition = new TableName("a", "t#P#p0#SP#s1");
        TableName table = new TableName("a", "t");
        assertThat(partition.isPartition()).isTrue();
        assertThat(partition.base()).isEqualTo(table);
        assertThat(table.isPartition()).isFalse();
        assertThat(table.base()).isEqualTo(table);
        assertThat(partition.partitionPrefix())
                .isEqualTo(table.partitionPrefix())
                .isEqualTo("a/t#P#");
    }
}
