/* Prints the header codes.h for the definitions in the file that is named. */
#include <stdio.h>
#include <string.h>

enum { MAX_CODES = 256 };

struct definition {
    unsigned number;
    char name[32];
    char alarm[8];
};

static int read_definitions(FILE *file, struct definition *found)
{
    char line[256];
    int count = 0;

    while (fgets(line, sizeof line, file)) {
        struct definition *next = &found[count];
        if (line[0] == '#' || strspn(line, " \t\r\n") == strlen(line))
            continue;
        if (count == MAX_CODES || sscanf(line, "%x %31s %7s", &next->number, next->name, next->alarm) != 3) {
            fprintf(stderr, "gencodes: cannot use: %s", line);
            return -1;
        }
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    static struct definition found[MAX_CODES + 1];
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    int count = file ? read_definitions(file, found) : -1;

    if (count <= 0) {
        fprintf(stderr, "usage: gencodes FILE\n");
        return 1;
    }
    printf("/* Made by gencodes from %s. */\n#ifndef CODES_H\n#define CODES_H\n\nenum {\n", argv[1]);
    for (int i = 0; i < count; i++)
        printf("    CODE_%s = 0x%02x,\n", found[i].name, found[i].number);
    printf("};\n\nstruct code {\n    int number;\n    const char *name;\n    int alarm;\n};\n\n"
           "static const struct code codes[] = {\n");
    for (int i = 0; i < count; i++)
        printf("    {CODE_%s, \"%s\", %d},\n", found[i].name, found[i].name, !strcmp(found[i].alarm, "yes"));
    printf("};\n\nenum { CODE_COUNT = sizeof codes / sizeof codes[0] };\n\n#endif\n");
    return 0;
}
