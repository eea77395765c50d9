using System.Text;

namespace RnnLm.Tests;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static string Fixture => Path.Combine(AppContext.BaseDirectory, "Fixtures", "pytorch.safetensors");

    [Fact]
    public void A_file_written_by_another_program_is_read()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Fixture);

        Assert.Equal(
            ["weight", "scale", "empty", "bias"], file.Tensors.Select(tensor => tensor.Name).OrderDescending());
        Assert.Equal([6L, 5L], file.Find("weight")!.Shape);
        float[] expected =
            [.. from row in Enumerable.Range(0, 6) from column in Enumerable.Range(0, 5) select row + (column / 8f)];
        Assert.Equal(expected, Values(file, "weight"));
        Assert.Equal([0.5f], Values(file, "scale"));
        Assert.Equal([0f, -1f, -2f, -3f, -4f, -5f], Values(file, "bias"));
        Assert.Empty(Values(file, "empty"));
        Assert.Null(file.Find("absent"));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}""", "dtype F16")]
    [InlineData("""{"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}""", "dtype BF16")]
    [InlineData("""{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}""", "dtype I64")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}""", "offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", "offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387906,4],"data_offsets":[0,8]}}""", "shape")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""" +
        ""","b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""",
        "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "belong to none")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""" +
        ""","a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""",
        "header cannot be parsed")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "header cannot be parsed")]
    [InlineData("""{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", "header cannot be parsed")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}}""", "header cannot be parsed")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", "header cannot be parsed")]
    [InlineData("""{"a\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "header cannot be parsed")]
    [InlineData("""{"a\nb":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}""", "a\\nb")]
    [InlineData("""[1]""", "does not begin")]
    [InlineData("""  {}""", "does not begin")]
    [InlineData("""{"a":""", "header cannot be parsed")]
    public void A_header_that_does_not_describe_the_data_is_refused_in_one_line(string header, string reason)
    {
        Assert.Contains(reason, Refusal(Raw((ulong)header.Length, header, dataBytes: 8)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    [InlineData(100_000_001UL)]
    [InlineData(99_999_999UL)]
    [InlineData(3UL)]
    [InlineData(0UL)]
    public void A_header_length_beyond_the_file_or_the_limit_is_refused(ulong headerBytes)
    {
        Assert.Contains(
            $"claims {headerBytes} bytes", Refusal(Raw(headerBytes, "{}", dataBytes: 0)), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_shorter_than_a_header_length_missing_files_and_directories_are_refused()
    {
        File.WriteAllBytes(_directory["short"], new byte[7]);

        Assert.Contains("7 bytes", Refusal(_directory["short"]), StringComparison.Ordinal);
        Assert.Contains("no such file", Refusal(_directory["missing"]), StringComparison.Ordinal);
        Assert.Contains("directory", Refusal(_directory.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_or_truncated_file_is_read_within_its_bounds_or_refused()
    {
        byte[] good = File.ReadAllBytes(Fixture);
        var random = new Random(7);
        int refused = 0;
        for (int round = 0; round < 2000; round++)
        {
            byte[] bytes = (byte[])good.Clone();
            int place = random.Next(bytes.Length);
            bytes[place] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(_directory["a"], round % 4 == 0 ? bytes[..place] : bytes);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(_directory["a"]);
                foreach (SafetensorsEntry tensor in file.Tensors)
                {
                    _ = Values(file, tensor.Name);
                }
            }
            catch (RnnLmException failure)
            {
                Assert.Equal(ExitCode.BadInput, failure.ExitCode);
                refused++;
            }
        }

        Assert.InRange(refused, 800, 2000);
    }

    [Fact]
    public void A_file_of_another_model_is_refused_with_both_shapes()
    {
        ParameterLayout written = ParameterLayout.For(new ModelSettings(7, 3, 1, 0));
        float[] flat = new float[written.Length];
        SafetensorsWriter.Write(_directory["a"], NamedTensor.FromLayout(written, () => flat));
        using SafetensorsFile file = SafetensorsFile.Open(_directory["a"]);

        string shape = ReadRefusal(file, new ModelSettings(7, 4, 1, 0));
        string missing = ReadRefusal(file, new ModelSettings(7, 3, 2, 0));
        string extra = ReadRefusal(file, new ModelSettings(7, 3, 0, 0));

        Assert.Contains(
            "embedding.weight has shape [7, 3] but the model needs [7, 4]", shape, StringComparison.Ordinal);
        Assert.Contains("no tensor rnn.rnn_units.1.Uh", missing, StringComparison.Ordinal);
        Assert.Contains("rnn.rnn_units.0.Uh is not one of this model", extra, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>Nothing is wrong with the file: another copy would not help.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_disk_that_does_not_give_a_file_is_a_failure_of_storage(bool opens)
    {
        var failure = Assert.Throws<RnnLmException>(() =>
        {
            using var file = SafetensorsFile.Open(new BrokenDisk(opens), Fixture);
            Values(file, "weight");
        });
        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Contains(Fixture, failure.Message, StringComparison.Ordinal);
    }

    private static float[] Values(SafetensorsFile file, string name)
    {
        SafetensorsEntry tensor = file.Find(name)!;
        var values = new float[tensor.ElementCount];
        file.Read(tensor, values);
        return values;
    }

    private static string ReadRefusal(SafetensorsFile file, ModelSettings model)
    {
        ParameterLayout layout = ParameterLayout.For(model);
        var flat = new float[layout.Length];
        return Assert.Throws<RnnLmException>(() => file.ReadLayout(layout, flat)).Message;
    }

    private static string Refusal(string path)
    {
        var failure = Assert.Throws<RnnLmException>(() => SafetensorsFile.Open(path).Dispose());
        Assert.Equal(ExitCode.BadInput, failure.ExitCode);
        Assert.Contains(path, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
        return failure.Message;
    }

    private string Raw(ulong headerBytes, string header, int dataBytes)
    {
        File.WriteAllBytes(
            _directory["raw"],
            [.. BitConverter.GetBytes(headerBytes), .. Encoding.UTF8.GetBytes(header), .. new byte[dataBytes]]);
        return _directory["raw"];
    }

    /// <summary>A disk that fails at once, or behind the header of what it opens.</summary>
    private sealed class BrokenDisk(bool opens) : FileOperations
    {
        public override Stream OpenRead(string path) =>
            opens ? new BrokenFile(File.ReadAllBytes(path)) : throw new IOException("Input/output error", 5);
    }

    private sealed class BrokenFile(byte[] content) : MemoryStream(content)
    {
        public override int Read(Span<byte> buffer) => Position <= sizeof(ulong)
            ? base.Read(buffer)
            : throw new IOException("Input/output error", 5);
    }
}
