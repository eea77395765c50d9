using System.Globalization;
using System.Reflection;

namespace RnnLm.Torch.Tests.PublicApi;

/// <summary>
/// Writes the public surface of an assembly as sorted lines, one signature each, without the root namespace: so the same member of two
/// assemblies that differ in nothing but that namespace gives the same line.
/// </summary>
internal static class ApiListing
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>All public and protected members of the exported types, sorted by ordinal.</summary>
    public static IReadOnlyList<string> Of(Assembly assembly, string rootNamespace)
    {
        var lines = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Type type in assembly.GetExportedTypes())
        {
            string owner = Name(type, rootNamespace);
            if (type.IsSubclassOf(typeof(MulticastDelegate)))
            {
                MethodInfo invoke = type.GetMethod("Invoke")!;
                lines.Add($"delegate {owner}({Parameters(invoke, rootNamespace)}) : {Name(invoke.ReturnType, rootNamespace)}");
                continue;
            }

            lines.Add($"{Kind(type)} {owner}{Bases(type, rootNamespace)}");
            foreach (MemberInfo member in type.GetMembers(Declared))
            {
                if (Line(member, owner, rootNamespace) is { } line)
                {
                    lines.Add(line);
                }
            }
        }

        return [.. lines];
    }

    private static string Kind(Type type) =>
        type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct"
        : type.IsAbstract && type.IsSealed ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";

    private static string Bases(Type type, string root) =>
        type.BaseType is null || type.IsValueType || type.BaseType == typeof(object) ? "" : $" : {Name(type.BaseType, root)}";

    private static string? Line(MemberInfo member, string owner, string root)
    {
        switch (member)
        {
            case FieldInfo field when IsVisible(field.Attributes) && !field.IsSpecialName:
                string value = field.IsLiteral ? $" = {Convert.ToString(field.GetRawConstantValue(), CultureInfo.InvariantCulture)}" : "";
                return $"{owner}.{field.Name} : {Name(field.FieldType, root)}{value}";
            case MethodInfo method when IsVisible(method.Attributes) && !IsFinaliser(method):
                string generics = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>" : "";
                return $"{owner}.{(method.IsStatic ? "static " : "")}{method.Name}{generics}({Parameters(method, root)}) : {Name(method.ReturnType, root)}";
            case ConstructorInfo constructor when IsVisible(constructor.Attributes) && !constructor.IsStatic:
                return $"{owner}.new({Parameters(constructor, root)})";
            default:
                return null;
        }
    }

    private static bool IsVisible(FieldAttributes attributes) =>
        (attributes & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem;

    private static bool IsVisible(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem;

    private static bool IsFinaliser(MethodInfo method) => method.Name == "Finalize" && method.GetParameters().Length == 0;

    private static string Parameters(MethodBase method, string root) =>
        string.Join(", ", method.GetParameters().Select(p =>
            $"{(p.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "")}{(p.IsOut ? "out " : "")}{Name(p.ParameterType, root)} {p.Name}"
            + (p.HasDefaultValue ? $" = {Default(p)}" : "")));

    private static string Default(ParameterInfo parameter) => parameter.RawDefaultValue switch
    {
        null => "default",
        string text => $"\"{text}\"",
        var value => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Name(Type type, string root)
    {
        if (type.IsByRef)
        {
            return Name(type.GetElementType()!, root) + "&";
        }

        if (type.IsPointer)
        {
            return Name(type.GetElementType()!, root) + "*";
        }

        if (type.IsArray)
        {
            return $"{Name(type.GetElementType()!, root)}[{new string(',', type.GetArrayRank() - 1)}]";
        }

        if (type.IsGenericParameter)
        {
            return type.Name;
        }

        string prefix = type.DeclaringType is { } outer ? Name(outer, root) + "." : "";
        string simple = type.Name.Split('`')[0];
        if (prefix.Length == 0 && type.Namespace is { } space && space != "System")
        {
            simple = (space == root ? "" : space.StartsWith(root + ".", StringComparison.Ordinal) ? space[(root.Length + 1)..] + "." : space + ".") + simple;
        }

        string arguments = type.IsGenericType && type.Name.Contains('`', StringComparison.Ordinal)
            ? $"<{string.Join(", ", type.GetGenericArguments().Select(a => Name(a, root)))}>"
            : "";
        return prefix + simple + arguments;
    }
}
