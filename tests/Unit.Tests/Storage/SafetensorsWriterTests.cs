using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace RnnLm.Tests;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void The_bytes_are_those_that_the_format_prescribes()
    {
        SafetensorsWriter.Write(
            _directory["a"],
            [
                new NamedTensor("b", [2], () => new float[] { 1, -2 }),
                new NamedTensor("a", [], () => new float[] { 0.5f }),
            ]);

        const string header =
            """{"__metadata__":{"format":"pt"}""" +
            ""","b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""" +
            ""","a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}""";
        byte[] bytes = File.ReadAllBytes(_directory["a"]);
        int headerBytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        Assert.Equal(0, headerBytes % 8);
        Assert.Equal(header.PadRight(headerBytes), Encoding.ASCII.GetString(bytes, 8, headerBytes));
        Assert.InRange(headerBytes, header.Length, header.Length + 7);
        Assert.Equal(
            "0000803F" + "000000C0" + "0000003F",
            Convert.ToHexString(bytes, 8 + headerBytes, bytes.Length - 8 - headerBytes));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(8)]
    public void Data_begin_at_a_multiple_of_8_bytes_whatever_the_names(int nameLength)
    {
        SafetensorsWriter.Write(
            _directory["a"], [new NamedTensor(new string('n', nameLength), [1], () => new float[] { 1 })]);

        Assert.Equal(0, (new FileInfo(_directory["a"]).Length - 4) % 8);
    }

    [Fact]
    public unsafe void A_tensor_in_native_memory_larger_than_one_piece_is_written_from_where_it_lies()
    {
        const int count = 700_001;
        float* memory = (float*)NativeMemory.Alloc(count, sizeof(float));
        for (int index = 0; index < count; index++)
        {
            memory[index] = index;
        }

        SafetensorsWriter.Write(
            _directory["a"], [new NamedTensor("w", [count], () => new ReadOnlySpan<float>(memory, count))]);
        NativeMemory.Free(memory);

        using SafetensorsFile file = SafetensorsFile.Open(_directory["a"]);
        var values = new float[count];
        file.Read(file.Find("w")!, values);
        Assert.Equal(Enumerable.Range(0, count).Select(index => (float)index), values);
    }

    [Fact]
    public void A_flat_model_comes_back_bit_for_bit_also_beside_tensors_with_another_prefix()
    {
        ParameterLayout layout = ParameterLayout.For(new ModelSettings(7, 3, 2, 0));
        float[] flat = [.. Enumerable.Range(0, layout.Length).Select(index => float.Sin(index))];
        flat[0] = float.NaN;
        flat[1] = -0f;
        float[] squares = [.. flat.Select(value => value * value)];
        SafetensorsWriter.Write(
            _directory["a"],
            [
                .. NamedTensor.FromLayout(layout, () => flat, "exp_avg."),
                .. NamedTensor.FromLayout(layout, () => squares, "exp_avg_sq."),
            ]);

        var back = new float[layout.Length];
        using SafetensorsFile file = SafetensorsFile.Open(_directory["a"]);
        file.ReadLayout(layout, back, "exp_avg.");

        Assert.Equal(MemoryMarshal.AsBytes<float>(flat).ToArray(), MemoryMarshal.AsBytes<float>(back).ToArray());
        Assert.Equal(squares[^1], Last(file, "exp_avg_sq.fc.bias", 7));
    }

    [Fact]
    public void Two_tensors_of_one_name_and_elements_that_do_not_fill_the_shape_are_refused()
    {
        NamedTensor one = new NamedTensor("a", [2], () => new float[2]);

        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(_directory["a"], [one, one]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(_directory["a"], [one with { Shape = [3] }]));
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void A_directory_that_is_a_file_gives_one_line_and_exit_code_6()
    {
        File.WriteAllText(_directory["file"], "");

        var failure = Assert.Throws<RnnLmException>(() => SafetensorsWriter.Write(_directory["file", "a"], []));

        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Contains(_directory["file", "a"], failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    public void Dispose() => _directory.Dispose();

    private static float Last(SafetensorsFile file, string name, int count)
    {
        var values = new float[count];
        file.Read(file.Find(name)!, values);
        return values[^1];
    }
}
