from wavcube.evaluation import plain_tables


def test_markdown():
    text = plain_tables.markdown(["", "a|b"], [["x", "1"]])
    assert text == "|  | a\\|b |\n| --- | ---: |\n| x | 1 |\n"
    assert "| --- | --- |" in plain_tables.markdown(["", "a"], [], "left")


def test_latex():
    text = plain_tables.latex(["", plain_tables.escaped("WER % ↓")], [[plain_tables.escaped("a_b"), "1"]])
    assert r" & WER \% $\downarrow$ \\" in text
    assert r"a\_b & 1 \\" in text
    assert text.startswith("\\begin{tabular}{lr}\n\\toprule\n")


def test_terminal():
    table = plain_tables.terminal(["", "a"], [["x", "[bold]1[/bold]"]])
    assert [column.justify for column in table.columns] == ["left", "right"]
