#include "tally.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char line[256];
    struct entry entry;
    FILE *file;
    int number = 0, bad = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: tally FILE\n");
        return 2;
    }
    file = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
    while (fgets(line, sizeof line, file)) {
        number++;
        line[strlen(line) - 1] = 0;
        if (!line[0] || line[0] == '#')
            continue;
        if (parse_line(line, &entry) || add(&entry)) {
            fprintf(stderr, "tally: line %d is bad\n", number);
            bad = 1;
        }
    }
    report();
    return bad;
}
