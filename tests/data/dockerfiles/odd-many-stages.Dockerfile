FROM alpine AS stage0
RUN echo 0 > /out
FROM alpine AS stage1
RUN echo 1 > /out
FROM alpine AS stage2
RUN echo 2 > /out
FROM alpine AS stage3
RUN echo 3 > /out
FROM alpine AS stage4
RUN echo 4 > /out
FROM alpine AS stage5
RUN echo 5 > /out
FROM alpine AS stage6
RUN echo 6 > /out
FROM alpine AS stage7
RUN echo 7 > /out
FROM alpine AS stage8
RUN echo 8 > /out
FROM alpine AS stage9
RUN echo 9 > /out
FROM alpine AS stage10
RUN echo 10 > /out
FROM alpine AS stage11
RUN echo 11 > /out
FROM alpine AS stage12
RUN echo 12 > /out
FROM alpine AS stage13
RUN echo 13 > /out
FROM alpine AS stage14
RUN echo 14 > /out
FROM alpine AS stage15
RUN echo 15 > /out
FROM alpine AS stage16
RUN echo 16 > /out
FROM alpine AS stage17
RUN echo 17 > /out
FROM alpine AS stage18
RUN echo 18 > /out
FROM alpine AS stage19
RUN echo 19 > /out
FROM alpine AS stage20
RUN echo 20 > /out
FROM alpine AS stage21
RUN echo 21 > /out
FROM alpine AS stage22
RUN echo 22 > /out
FROM alpine AS stage23
RUN echo 23 > /out
FROM alpine AS stage24
RUN echo 24 > /out
FROM alpine AS stage25
RUN echo 25 > /out
FROM alpine AS stage26
RUN echo 26 > /out
FROM alpine AS stage27
RUN echo 27 > /out
FROM alpine AS stage28
RUN echo 28 > /out
FROM alpine AS stage29
RUN echo 29 > /out
FROM alpine AS stage30
RUN echo 30 > /out
FROM alpine AS stage31
RUN echo 31 > /out
FROM alpine AS stage32
RUN echo 32 > /out
FROM alpine AS stage33
RUN echo 33 > /out
FROM alpine AS stage34
RUN echo 34 > /out
FROM alpine AS stage35
RUN echo 35 > /out
FROM alpine AS stage36
RUN echo 36 > /out
FROM alpine AS stage37
RUN echo 37 > /out
FROM alpine AS stage38
RUN echo 38 > /out
FROM alpine AS stage39
RUN echo 39 > /out
FROM alpine AS stage40
RUN echo 40 > /out
FROM alpine AS stage41
RUN echo 41 > /out
FROM alpine AS stage42
RUN echo 42 > /out
FROM alpine AS stage43
RUN echo 43 > /out
FROM alpine AS stage44
RUN echo 44 > /out
FROM alpine AS stage45
RUN echo 45 > /out
FROM alpine AS stage46
RUN echo 46 > /out
FROM alpine AS stage47
RUN echo 47 > /out
FROM alpine AS stage48
RUN echo 48 > /out
FROM alpine AS stage49
RUN echo 49 > /out
FROM alpine AS stage50
RUN echo 50 > /out
FROM alpine AS stage51
RUN echo 51 > /out
FROM alpine AS stage52
RUN echo 52 > /out
FROM alpine AS stage53
RUN echo 53 > /out
FROM alpine AS stage54
RUN echo 54 > /out
FROM alpine AS stage55
RUN echo 55 > /out
FROM alpine AS stage56
RUN echo 56 > /out
FROM alpine AS stage57
RUN echo 57 > /out
FROM alpine AS stage58
RUN echo 58 > /out
FROM alpine AS stage59
RUN echo 59 > /out
FROM scratch
COPY --from=stage0 /out /out0
COPY --from=stage1 /out /out1
COPY --from=stage2 /out /out2
COPY --from=stage3 /out /out3
COPY --from=stage4 /out /out4
COPY --from=stage5 /out /out5
COPY --from=stage6 /out /out6
COPY --from=stage7 /out /out7
COPY --from=stage8 /out /out8
COPY --from=stage9 /out /out9
COPY --from=stage10 /out /out10
COPY --from=stage11 /out /out11
COPY --from=stage12 /out /out12
COPY --from=stage13 /out /out13
COPY --from=stage14 /out /out14
COPY --from=stage15 /out /out15
COPY --from=stage16 /out /out16
COPY --from=stage17 /out /out17
COPY --from=stage18 /out /out18
COPY --from=stage19 /out /out19
COPY --from=stage20 /out /out20
COPY --from=stage21 /out /out21
COPY --from=stage22 /out /out22
COPY --from=stage23 /out /out23
COPY --from=stage24 /out /out24
COPY --from=stage25 /out /out25
COPY --from=stage26 /out /out26
COPY --from=stage27 /out /out27
COPY --from=stage28 /out /out28
COPY --from=stage29 /out /out29
COPY --from=stage30 /out /out30
COPY --from=stage31 /out /out31
COPY --from=stage32 /out /out32
COPY --from=stage33 /out /out33
COPY --from=stage34 /out /out34
COPY --from=stage35 /out /out35
COPY --from=stage36 /out /out36
COPY --from=stage37 /out /out37
COPY --from=stage38 /out /out38
COPY --from=stage39 /out /out39
COPY --from=stage40 /out /out40
COPY --from=stage41 /out /out41
COPY --from=stage42 /out /out42
COPY --from=stage43 /out /out43
COPY --from=stage44 /out /out44
COPY --from=stage45 /out /out45
COPY --from=stage46 /out /out46
COPY --from=stage47 /out /out47
COPY --from=stage48 /out /out48
COPY --from=stage49 /out /out49
COPY --from=stage50 /out /out50
COPY --from=stage51 /out /out51
COPY --from=stage52 /out /out52
COPY --from=stage53 /out /out53
COPY --from=stage54 /out /out54
COPY --from=stage55 /out /out55
COPY --from=stage56 /out /out56
COPY --from=stage57 /out /out57
COPY --from=stage58 /out /out58
COPY --from=stage59 /out /out59
