namespace RnnLm.Compare;

/// <summary>Of several values.</summary>
internal static class Statistics
{
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>A table that reads well as plain text and as Markdown.</summary>
internal static class Table
{
    public static void Print(IReadOnlyList<string> titles, IEnumerable<IReadOnlyList<string>> rows)
    {
        List<IReadOnlyList<string>> all = [titles, .. rows];
        int[] widths = [.. titles.Select((_, column) => all.Max(row => row[column].Length))];
        string Line(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";
        string Cell(string text, int column) => column == 0 ? text.PadRight(widths[0]) : text.PadLeft(widths[column]);
        for (int row = 0; row < all.Count; row++)
        {
            Console.WriteLine(Line(all[row].Select(Cell)));
            if (row == 0)
            {
                Console.WriteLine(Line(widths.Select(
                    (width, column) => new string('-', width - 1) + (column == 0 ? '-' : ':'))));
            }
        }
    }
}
