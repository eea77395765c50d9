using System.Text;
using System.Text.RegularExpressions;
using FsCheck.Fluent;

namespace RnnLm.Tests;

public class DigitFoldingTests
{
    [Fact]
    public void Each_run_of_digits_becomes_three_hashes() =>
        Property.Holds(
            Gen.Elements("0", "7", "99", "123456", "a", " ", "é", "#", ".", "\n")
                .ListOf()
                .Select(parts => string.Concat(parts)),
            text => Assert.Equal(Regex.Replace(text, "[0-9]+", "###"), Fold(text)));

    [Theory]
    [InlineData("It cost $1,300,000.50, or 4.5%.", "It cost $###, or ###%.")]
    [InlineData("In 1890. 7,8 and 1,a .5", "In ###. ### and ###,a .###")]
    [InlineData("1.", "###.")]
    public void Whole_numbers_are_folded_with_their_separators(string text, string folded) =>
        Assert.Equal(folded, Fold(text, wholeNumbers: true));

    private static string Fold(string text, bool wholeNumbers = false) =>
        Encoding.UTF8.GetString(DigitFolding.Fold(Encoding.UTF8.GetBytes(text), wholeNumbers));
}
