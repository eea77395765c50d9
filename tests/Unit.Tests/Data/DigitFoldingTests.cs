using System.Text;
using System.Text.RegularExpressions;
using FsCheck.Fluent;

namespace RnnLm.Tests;

public class DigitFoldingTests
{
    [Fact]
    public void Each_run_of_digits_becomes_three_hashes() =>
        Property.Holds(
            Gen.Elements("0", "7", "99", "123456", "a", " ", "é", "#", ".", "\n").ListOf().Select(parts => string.Concat(parts)),
            text => Assert.Equal(Regex.Replace(text, "[0-9]+", "###"), Encoding.UTF8.GetString(DigitFolding.Fold(Encoding.UTF8.GetBytes(text)))));
}
