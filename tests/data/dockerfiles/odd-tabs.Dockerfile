FROM	alpine	AS	x
FROM	alpine
	RUN	echo	a	&&	\
		echo b
	COPY	--from=x	/a	/b
	ENV	A=1	B="2	3"
